import { certificateRemedy } from "../certificates";

/** The build's role may not see which uploads of a bucket run and which have ended. */
export class UploadsDeniedError extends Error {
  override readonly name = "UploadsDeniedError";

  constructor(name: string, reason: string, options: ErrorOptions) {
    super(
      `the uploads of ${name} cannot be listed: found that S3 denies access (${reason}), expected s3:ListBucketMultipartUploads and ` +
        "s3:ListBucketVersions on the bucket to be granted to the build's role; grant them, then upload the archive again",
      options,
    );
  }
}

/** S3 does not tell which uploads of a bucket run and which have ended. */
export class UploadsUnreadableError extends Error {
  override readonly name = "UploadsUnreadableError";

  constructor(name: string, reason: string, options: ErrorOptions) {
    const remedy = certificateRemedy(options.cause) ?? "start the build again";
    super(`the uploads of ${name} cannot be listed: found ${reason}, expected their list; ${remedy}`, options);
  }
}

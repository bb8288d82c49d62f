import { CreateBucketCommand, PutBucketVersioningCommand, S3Client, S3ServiceException } from "@aws-sdk/client-s3";

export interface StateBucketOptions {
  /** The S3 endpoint, such as moto's. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** @default - the SDK's own chain */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Makes the versioned bucket that a stack's S3 backend writes its state to; one that is already ours stays as it is, versioned. */
export async function ensureStateBucket({ endpoint, bucket, region, credentials }: StateBucketOptions): Promise<void> {
  const s3 = new S3Client({ endpoint, region, forcePathStyle: true, ...(credentials && { credentials }) });
  try {
    await s3.send(new CreateBucketCommand({ Bucket: bucket, ...locationOf(region) })).catch((error: unknown) => {
      if (!(error instanceof S3ServiceException && error.name === "BucketAlreadyOwnedByYou")) throw error;
    });
    await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: "Enabled" } }));
  } finally {
    s3.destroy();
  }
}

/** us-east-1 is the one region that must not be named. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html */
function locationOf(region: string) {
  return region === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: region as "eu-west-1" } };
}

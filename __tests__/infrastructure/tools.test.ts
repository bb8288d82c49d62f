import { synthesise, type Synthesis } from "../support/synthesis";

const pipeline = synthesise();

describe("the zip that builds run", () => {
  test("is one object whose versions follow its content, whoever changed it", () => {
    const { source_dir, output_path } = pipeline.data("archive_file", "tools/publish-image/archive");
    expect(pipeline.resource("aws_s3_object")).toStrictEqual({
      bucket: "images-tools-111122223333-us-east-1",
      key: "publish-image.zip",
      source: output_path,
      source_hash: `md5-of-${String(source_dir)}`,
      content_type: "application/zip",
      override_provider: { default_tags: { tags: {} } },
    });
  });

  test("is uploaded once the bucket gives version ids and encrypts by its key, or projects would name none and read another", () => {
    expect(pipeline.dependencies("aws_s3_object")).toStrictEqual([
      "aws_s3_bucket_versioning images/pipeline/tools/private/versioning",
      "aws_s3_bucket_server_side_encryption_configuration images/pipeline/tools/private/encryption",
    ]);
  });

  test("is uploaded again where the bucket gets another key", () => {
    const kmsKey = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    const hash = (synthesis: Synthesis): unknown => synthesis.resource("aws_s3_object").source_hash;
    expect(hash(synthesise({ encryption: { kmsKey } }))).toBe(`${String(hash(synthesise()))} ${kmsKey}`);
  });

  test("stays for a week after it was replaced: longer than a build that was started with it waits and runs", () => {
    const { rule } = pipeline.resource("aws_s3_bucket_lifecycle_configuration", "tools/private/lifecycle");
    expect(rule).toMatchObject([
      { id: "unfinished-uploads", abort_incomplete_multipart_upload: [{ days_after_initiation: 1 }] },
      { id: "replaced-versions", noncurrent_version_expiration: [{ noncurrent_days: 7 }] },
    ]);
  });
});

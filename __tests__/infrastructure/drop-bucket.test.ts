import { synthesise } from "../support/synthesis";

describe("a bucket of the pipeline's own", () => {
  const pipeline = synthesise({
    bucket: { name: "image-drops", versionsExpireAfterDays: 45, uploadsExpireAfterDays: 3 },
  });

  test("has the configured name and is never emptied by Terraform", () => {
    expect(pipeline.resource("aws_s3_bucket", "bucket/private/bucket")).toStrictEqual({
      bucket: "image-drops",
      force_destroy: false,
      lifecycle: { prevent_destroy: true },
    });
  });

  test("drops unfinished uploads and replaced versions after the configured days, and no current version ever", () => {
    const { rule } = pipeline.resource("aws_s3_bucket_lifecycle_configuration", "/bucket/private/lifecycle");
    expect(rule).toStrictEqual([
      {
        id: "unfinished-uploads",
        status: "Enabled",
        filter: [{ prefix: "" }],
        abort_incomplete_multipart_upload: [{ days_after_initiation: 3 }],
      },
      {
        id: "replaced-versions",
        status: "Enabled",
        filter: [{ prefix: "" }],
        noncurrent_version_expiration: [{ noncurrent_days: 45 }],
        expiration: [{ expired_object_delete_marker: true }],
      },
    ]);
  });

  test("reports finished uploads of zips to the queue, once they get version ids", () => {
    expect(pipeline.resource("aws_s3_bucket_notification")).toStrictEqual({
      bucket: "image-drops",
      queue: [
        {
          id: "drops",
          queue_arn: "arn:aws:sqs:us-east-1:111122223333:images_drops",
          events: ["s3:ObjectCreated:*"],
          filter_suffix: ".zip",
        },
      ],
    });
    expect(pipeline.dependencies("aws_s3_bucket_notification")).toStrictEqual([
      "aws_s3_bucket_versioning images/pipeline/bucket/private/versioning",
    ]);
  });

  test.each([
    ["queue", "queue", "queue_arn"],
    ["topic", "topic", "topic_arn"],
    ["lambda", "lambda_function", "lambda_function_arn"],
  ] as const)("reports to the %s what services drop, by a filter for each ending", (trigger, kind, arn) => {
    const services = ["api", { name: "web", key: "web/{anything}.tar.gz" }, { name: "job", key: "job.tar.gz" }];
    const { [kind]: filters } = synthesise({ trigger, services }).resource("aws_s3_bucket_notification");
    const found = (filters as Record<string, unknown>[]).map(({ [arn]: target, ...filter }) => [typeof target, filter]);
    expect(found).toStrictEqual([
      ["string", { id: "drops", events: ["s3:ObjectCreated:*"], filter_suffix: ".zip" }],
      ["string", { id: "drops-tar-gz", events: ["s3:ObjectCreated:*"], filter_suffix: ".tar.gz" }],
    ]);
  });

  test("does not report what no service drops", () => {
    const services = [{ name: "web", key: "web.tar" }];
    expect(synthesise({ services }).resource("aws_s3_bucket_notification").queue).toMatchObject([
      { id: "drops-tar", filter_suffix: ".tar" },
    ]);
  });

  test("has nothing to ask of an owner", () => {
    expect(pipeline.output).not.toHaveProperty("bucket_owner_must_add");
  });
});

describe.each(["bucket", "tools"])("the %s bucket", (owner) => {
  const pipeline = synthesise();
  const bucket = owner === "bucket" ? "image-drops" : "images-tools-111122223333-us-east-1";

  test("is never public", () => {
    expect(pipeline.resource("aws_s3_bucket_public_access_block", `${owner}/private/public-access`)).toStrictEqual({
      bucket,
      block_public_acls: true,
      block_public_policy: true,
      ignore_public_acls: true,
      restrict_public_buckets: true,
    });
  });

  test("belongs to its account, whoever writes", () => {
    expect(pipeline.resource("aws_s3_bucket_ownership_controls", `${owner}/private/ownership`)).toStrictEqual({
      bucket,
      rule: { object_ownership: "BucketOwnerEnforced" },
    });
  });

  test("is encrypted", () => {
    const encryption = pipeline.resource(
      "aws_s3_bucket_server_side_encryption_configuration",
      `${owner}/private/encryption`,
    );
    expect(encryption).toStrictEqual({
      bucket,
      rule: [{ apply_server_side_encryption_by_default: { sse_algorithm: "AES256" } }],
    });
  });

  test("is versioned", () => {
    expect(pipeline.resource("aws_s3_bucket_versioning", `${owner}/private/versioning`)).toStrictEqual({
      bucket,
      versioning_configuration: { status: "Enabled" },
    });
  });

  test("waits with the rule about versions until there are versions", () => {
    expect(pipeline.dependencies("aws_s3_bucket_lifecycle_configuration", `${owner}/private/lifecycle`)).toStrictEqual([
      `aws_s3_bucket_versioning images/pipeline/${owner}/private/versioning`,
    ]);
  });

  test("gets its policy after its public access block, since S3 refuses both at once", () => {
    expect(pipeline.dependencies("aws_s3_bucket_policy", `${owner}/private/policy`)).toStrictEqual([
      `aws_s3_bucket_public_access_block images/pipeline/${owner}/private/public-access`,
    ]);
  });
});

test.each(["queue", "cloudtrail"] as const)(
  "a bucket of its own whose notifications become somebody else's lets go of them, with trigger %s",
  (trigger) => {
    const bucket = { name: "image-drops", notifications: "none" } as const;
    const notification = [...synthesise().written().keys()].filter((each) =>
      each.startsWith("aws_s3_bucket_notification."),
    );
    expect(notification).toHaveLength(1);
    expect(synthesise({ bucket, trigger }).forgotten()).toStrictEqual(notification);
  },
);

describe("an existing bucket", () => {
  const pipeline = synthesise({ bucket: { existing: "their-drops" }, trigger: "queue" });

  test("is named in the function's routes and in no resource of its own", () => {
    const buckets = [...pipeline.written()].filter(([address]) => address.startsWith("aws_s3_"));
    expect(buckets.length).toBeGreaterThan(0);
    for (const [address, text] of buckets)
      expect([address, text.includes("their-drops")]).toStrictEqual([address, false]);
  });

  test("has an owner who is told exactly what to add, a block for every ending", () => {
    const services = ["api", { name: "web", key: "web.tgz" }];
    const { output } = synthesise({ bucket: { existing: "their-drops" }, trigger: "queue", services });
    expect(output.bucket_owner_must_add).toStrictEqual({
      description:
        "Lines that the bucket's owner has to add to its aws_s3_bucket_notification, unless it reports there already",
      value: [
        "queue {",
        '  queue_arn     = "arn:aws:sqs:us-east-1:111122223333:images_drops"',
        '  events        = ["s3:ObjectCreated:*"]',
        '  filter_suffix = ".zip"',
        "}",
        "",
        "queue {",
        '  queue_arn     = "arn:aws:sqs:us-east-1:111122223333:images_drops"',
        '  events        = ["s3:ObjectCreated:*"]',
        '  filter_suffix = ".tgz"',
        "}",
      ].join("\n"),
    });
    expect(pipeline.output.bucket?.value).toBe("their-drops");
  });

  test.each(["queue", "cloudtrail"] as const)(
    "that the pipeline made before, or whose notifications it adopted, is let go of whole, with trigger %s",
    (trigger) => {
      const handedOver = synthesise({ bucket: { existing: "image-drops" }, trigger });
      const gone = [...synthesise().written().keys()].filter((address) => !handedOver.written().has(address));
      const ofBucket = gone.filter((address) => address.startsWith("aws_s3_"));
      expect(ofBucket).toHaveLength(8);
      expect(handedOver.forgotten()).toStrictEqual(ofBucket.toSorted());
      // Terraform refuses a reference to what it forgets.
      for (const address of ofBucket) expect(handedOver.text).not.toContain(`\${${address}`);
    },
  );

  test("keeps its notifications in the state while they are adopted", () => {
    expect(pipeline.forgotten().filter((address) => address.startsWith("aws_s3_bucket_notification."))).toHaveLength(1);
    expect(synthesise().forgotten()).toStrictEqual([]);
  });
});

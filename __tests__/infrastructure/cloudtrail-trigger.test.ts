import { synthesise, type Synthesis } from "../support/synthesis";

const TRAIL = { cloudtrail: { trail: true, maxWait: 3, checkInterval: 7 } };
const without = synthesise({ trigger: "cloudtrail" });
const withTrail = synthesise({ trigger: TRAIL, logs: { retentionDays: 90 } });

test("the rule of a service takes the calls that begin or end an upload to its key, and that were not refused", () => {
  const { event_pattern, ...rule } = without.resource("aws_cloudwatch_event_rule");
  expect(rule).toStrictEqual({
    name: "images_api",
    description: "Starts the builds of api, a service of pipeline images",
  });
  expect(event_pattern).toBe(
    '{"source":["aws.s3"],"detail-type":["AWS API Call via CloudTrail"],"detail":{"eventSource":[{"prefix":"s3."}],' +
      '"eventName":["CreateMultipartUpload","PutObject","PostObject","CopyObject","CompleteMultipartUpload"],' +
      '"requestParameters":{"bucketName":["image-drops"],"key":["api.zip"]},"errorCode":[{"exists":false}]}}',
  );
});

test("its target is the service's project, which is told the call, and the version where the call names one", () => {
  expect(without.resource("aws_cloudwatch_event_target")).toStrictEqual({
    rule: "images_api",
    target_id: "build",
    arn: "arn:aws:codebuild:us-east-1:111122223333:project/images_api",
    role_arn: "arn:aws:iam::111122223333:role/images_start-build",
    input_transformer: {
      input_paths: {
        DROP_VERSION_ID: "$.detail.responseElements.x-amz-version-id",
        DROP_TIME: "$.detail.eventTime",
        DROP_CALL: "$.detail.eventName",
      },
      input_template:
        '{"environmentVariablesOverride":[{"name":"DROP_BUCKET","value":"image-drops","type":"PLAINTEXT"},' +
        '{"name":"DROP_KEY","value":"api.zip","type":"PLAINTEXT"},' +
        '{"name":"DROP_VERSION_ID","value":"<DROP_VERSION_ID>","type":"PLAINTEXT"},' +
        '{"name":"DROP_TIME","value":"<DROP_TIME>","type":"PLAINTEXT"},' +
        '{"name":"DROP_CALL","value":"<DROP_CALL>","type":"PLAINTEXT"}]}',
    },
    retry_policy: { maximum_event_age_in_seconds: 24 * 60 * 60, maximum_retry_attempts: 185 },
    dead_letter_config: { arn: "arn:aws:sqs:us-east-1:111122223333:images_dead-letters" },
  });
  expect(without.dependencies("aws_cloudwatch_event_target")).toStrictEqual([
    "aws_iam_role_policy images/pipeline/trigger/start-build/policy",
  ]);
});

describe("the build", () => {
  test("is told in seconds how long to wait", () => {
    expect(variablesOf(withTrail)).toMatchObject({ MAX_WAIT_TIME: "180", CHECK_INTERVAL: "7" });
  });

  test("waits for 20 minutes and looks every 15 seconds unless told otherwise", () => {
    expect(variablesOf(without)).toMatchObject({ MAX_WAIT_TIME: "1200", CHECK_INTERVAL: "15" });
  });

  test.each(["queue", "lambda", "topic", "eventbridge", { eventbridge: { direct: true } }] as const)(
    "has nothing to wait for with %j",
    (trigger) => {
      expect(Object.keys(variablesOf(synthesise({ trigger })))).toStrictEqual([
        "ARCHIVE_PATH",
        "ECS_SOURCE",
        "IMAGE_REPO_NAME",
        "MOVING_TAGS",
        "SERVICE_NAME",
        "TAG_PATTERN",
      ]);
    },
  );
});

describe("the trail", () => {
  const FIELDS = [
    { field: "eventCategory", equals: ["Data"] },
    { field: "resources.type", equals: ["AWS::S3::Object"] },
    { field: "resources.ARN", starts_with: ["arn:aws:s3:::image-drops/"] },
    { field: "readOnly", equals: ["false"] },
    // No UploadPart: it is as many calls as an upload has parts, and every record is paid for.
    {
      field: "eventName",
      equals: ["CreateMultipartUpload", "PutObject", "PostObject", "CopyObject", "CompleteMultipartUpload"],
    },
  ];

  test("records the calls that builds are started by, and nothing else", () => {
    expect(withTrail.resource("aws_cloudtrail")).toStrictEqual({
      name: "images_drops",
      s3_bucket_name: "images-trail-111122223333-us-east-1",
      advanced_event_selector: [{ name: "Uploads to image-drops", field_selector: FIELDS }],
      is_multi_region_trail: false,
      include_global_service_events: false,
      enable_log_file_validation: true,
    });
  });

  test("is made once CloudTrail may write to its bucket, which it checks", () => {
    expect(withTrail.dependencies("aws_cloudtrail")).toStrictEqual([
      "aws_s3_bucket_policy images/pipeline/trigger/trail/logs/policy",
    ]);
  });

  test("of an existing bucket records that one", () => {
    const { advanced_event_selector } = synthesise({ trigger: TRAIL, bucket: { existing: "their-drops" } }).resource(
      "aws_cloudtrail",
    );
    expect(JSON.stringify(advanced_event_selector)).toContain('["arn:aws:s3:::their-drops/"]');
  });

  test("that is there already is somebody else's, who is told what it has to record", () => {
    expect(without.output.trail_must_record).toStrictEqual({
      description: "What an aws_cloudtrail of the account has to record, so that builds start",
      value: { advanced_event_selector: [{ field_selector: FIELDS }] },
    });
    expect(withTrail.output).not.toHaveProperty("trail_must_record");
  });
});

describe("the bucket of the trail's log files", () => {
  test("keeps them as long as other logs, and what expired for a day more", () => {
    const { rule } = withTrail.resource("aws_s3_bucket_lifecycle_configuration", "trail/logs/lifecycle");
    const everything = { status: "Enabled", filter: [{ prefix: "" }] };
    expect(rule).toStrictEqual([
      {
        id: "unfinished-uploads",
        ...everything,
        abort_incomplete_multipart_upload: [{ days_after_initiation: 1 }],
      },
      {
        id: "replaced-versions",
        ...everything,
        noncurrent_version_expiration: [{ noncurrent_days: 1 }],
        expiration: [{ expired_object_delete_marker: true }],
      },
      { id: "objects", ...everything, expiration: [{ days: 90 }] },
    ]);
  });

  test("is never public, and goes with what is in it, since CloudTrail never leaves it empty", () => {
    expect(withTrail.resource("aws_s3_bucket_public_access_block", "trail/logs/public-access")).toMatchObject({
      block_public_acls: true,
      block_public_policy: true,
      ignore_public_acls: true,
      restrict_public_buckets: true,
    });
    expect(withTrail.resource("aws_s3_bucket", "trail/logs/bucket")).toStrictEqual({
      bucket: "images-trail-111122223333-us-east-1",
      force_destroy: true,
    });
  });
});

function variablesOf(synthesis: Synthesis): Record<string, string> {
  const { environment } = synthesis.resource("aws_codebuild_project") as {
    environment: { environment_variable: readonly { name: string; value: string }[] };
  };
  return Object.fromEntries(environment.environment_variable.map(({ name, value }) => [name, value]));
}

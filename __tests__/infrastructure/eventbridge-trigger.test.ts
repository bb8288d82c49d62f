import { ConfigError } from "../../config/errors";
import { synthesise, type Synthesis } from "../support/synthesis";

const DIRECT = { eventbridge: { direct: true } };
const RETRIES = {
  retry_policy: { maximum_event_age_in_seconds: 24 * 60 * 60, maximum_retry_attempts: 185 },
  dead_letter_config: { arn: "arn:aws:sqs:us-east-1:111122223333:images_dead-letters" },
};

describe("through the queue", () => {
  const pipeline = synthesise({ trigger: "eventbridge", services: ["api", "web"] });

  test("the rule takes the endings of the services' keys, each once", () => {
    const services = [{ name: "api", key: "a.tar.gz" }, { name: "web", key: "b.tar.gz" }, "job"];
    const rule = synthesise({ trigger: "eventbridge", services }).resource("aws_cloudwatch_event_rule");
    const pattern = JSON.parse(rule.event_pattern as string) as { detail: { object: unknown } };
    expect(pattern.detail.object).toStrictEqual({ key: [{ suffix: ".zip" }, { suffix: ".tar.gz" }] });
  });

  test("one rule takes every finished upload of a zip to the bucket", () => {
    const { event_pattern, ...rule } = pipeline.resource("aws_cloudwatch_event_rule");
    expect(rule).toStrictEqual({
      name: "images_drops",
      description: "Leads the drops of image-drops to the queue of pipeline images",
    });
    expect(event_pattern).toBe(
      '{"source":["aws.s3"],"detail-type":["Object Created"],' +
        '"detail":{"bucket":{"name":["image-drops"]},"object":{"key":[{"suffix":".zip"}]}}}',
    );
  });

  test("its target is the queue, tried for a day, and the dead letters after that", () => {
    expect(pipeline.resource("aws_cloudwatch_event_target")).toStrictEqual({
      rule: "images_drops",
      target_id: "queue",
      arn: "arn:aws:sqs:us-east-1:111122223333:images_drops",
      ...RETRIES,
    });
  });

  test("keys may be patterns", () => {
    const services = [{ name: "api", key: "{service}/{anything}.zip" }];
    expect(synthesise({ trigger: "eventbridge", services }).counts()).toMatchObject({ aws_cloudwatch_event_rule: 1 });
  });
});

describe("direct", () => {
  const pipeline = synthesise({ trigger: DIRECT, services: ["api", { name: "web", key: "releases/web.zip" }] });
  const PLACEHOLDERS =
    '{"name":"DROP_VERSION_ID","value":"<DROP_VERSION_ID>","type":"PLAINTEXT"},' +
    '{"name":"DROP_ETAG","value":"<DROP_ETAG>","type":"PLAINTEXT"},' +
    '{"name":"DROP_SEQUENCER","value":"<DROP_SEQUENCER>","type":"PLAINTEXT"},' +
    '{"name":"DROP_TIME","value":"<DROP_TIME>","type":"PLAINTEXT"}';

  test.each([
    ["api", "api.zip"],
    ["web", "releases/web.zip"],
  ])("the rule of %s takes finished uploads to exactly %s", (service, key) => {
    const { event_pattern, ...rule } = pipeline.resource("aws_cloudwatch_event_rule", `${service}/rule`);
    expect(rule).toStrictEqual({
      name: `images_${service}`,
      description: `Starts the builds of ${service}, a service of pipeline images`,
    });
    expect(event_pattern).toBe(
      '{"source":["aws.s3"],"detail-type":["Object Created"],' +
        `"detail":{"bucket":{"name":["image-drops"]},"object":{"key":["${key}"]}}}`,
    );
  });

  test("its target is the service's project, which is told the drop; only what S3 makes up comes from the event", () => {
    expect(pipeline.resource("aws_cloudwatch_event_target", "web/target")).toStrictEqual({
      rule: "images_web",
      target_id: "build",
      arn: "arn:aws:codebuild:us-east-1:111122223333:project/images_web",
      role_arn: "arn:aws:iam::111122223333:role/images_start-build",
      input_transformer: {
        input_paths: {
          DROP_VERSION_ID: "$.detail.object.version-id",
          DROP_ETAG: "$.detail.object.etag",
          DROP_SEQUENCER: "$.detail.object.sequencer",
          DROP_TIME: "$.time",
        },
        input_template:
          '{"environmentVariablesOverride":[{"name":"DROP_BUCKET","value":"image-drops","type":"PLAINTEXT"},' +
          `{"name":"DROP_KEY","value":"releases/web.zip","type":"PLAINTEXT"},${PLACEHOLDERS}]}`,
      },
      ...RETRIES,
    });
  });

  test("it is made after the role may start builds: what is refused is not tried again", () => {
    for (const service of ["api", "web"])
      expect(pipeline.dependencies("aws_cloudwatch_event_target", `${service}/target`)).toStrictEqual([
        "aws_iam_role_policy images/pipeline/trigger/start-build/policy",
      ]);
  });

  test("the bucket reports once every rule has its target: a rule without one forgets what it matches", () => {
    expect(pipeline.dependencies("aws_s3_bucket_notification")).toStrictEqual([
      "aws_s3_bucket_versioning images/pipeline/bucket/private/versioning",
      "aws_cloudwatch_event_target images/pipeline/trigger/start-build/services/api/target",
      "aws_cloudwatch_event_target images/pipeline/trigger/start-build/services/web/target",
    ]);
  });

  test("there is no function, no queue but that of the dead letters, and no output of either", () => {
    expect(pipeline.counts()).toMatchObject({ aws_sqs_queue: 1, aws_cloudwatch_log_group: 1 });
    expect(pipeline.counts()).not.toHaveProperty("aws_lambda_function");
    expect(Object.keys(pipeline.output)).toStrictEqual([
      "bucket",
      "dead_letter_queue_url",
      "build_log_group",
      "repository_urls",
    ]);
  });

  test("services whose names are those of parts of the trigger have rules all the same", () => {
    const services = ["role", "policy", "services", "rule", "dead-letters", "start-build"];
    expect(synthesise({ trigger: DIRECT, services }).counts()).toMatchObject({
      aws_cloudwatch_event_rule: services.length,
      aws_cloudwatch_event_target: services.length,
      aws_iam_role: 1 + services.length,
    });
  });

  test("adding a service changes nothing that was there", () => {
    const [before, after] = [["api"], ["api", "new"]].map((services) =>
      synthesise({ trigger: DIRECT, services }).written(),
    );
    for (const [address, text] of before!) expect([address, after!.get(address)]).toStrictEqual([address, text]);
  });
});

describe.each(["with the bucket's events", "with CloudTrail's"])(
  "a key that means something to JSON or a transformer, %s",
  (source) => {
    test.each([
      ['say "hi".zip'],
      ["a\\b\\u0041.zip"],
      ["<DROP_ETAG>.zip"],
      ["<aws.events.event>.zip"],
      ["übergröße-日本語-🚀.zip"],
      ["$$ %% $.detail.zip"],
      ["a'b`c,;&|*?[].zip"],
    ])("%s reaches rule and build as it is", (key) => {
      const trigger = source === "with CloudTrail's" ? "cloudtrail" : DIRECT;
      // Policies of own roles could not hold every one of them.
      const synthesis = synthesise({ trigger, roles: "shared", services: [{ name: "api", key }] });
      expect(keyOfPattern(synthesis)).toBe(key);
      const template = templateOf(synthesis);
      const { environmentVariablesOverride } = JSON.parse(template) as Overrides;
      expect(environmentVariablesOverride[1]).toStrictEqual({ name: "DROP_KEY", value: key, type: "PLAINTEXT" });
      // Whatever stands between < and > is a placeholder to EventBridge, in a string or not.
      const placeholders = [...template.matchAll(/<([^>]*)>/g)].map(([, name]) => name);
      expect(placeholders).toStrictEqual(environmentVariablesOverride.slice(2).map(({ name }) => name));
      expect(template.replace(/<\w+>/g, "")).not.toMatch(/[<>]/);
    });
  },
);

describe.each([
  ["with the bucket's events", DIRECT, "x", 961],
  ["with CloudTrail's", "cloudtrail", "", 869],
] as const)("what EventBridge takes, %s", (_, trigger, rest, quotes) => {
  // The policy of an own role would be too long for the oddest of them.
  const rendered = (key: string) => synthesise({ trigger, roles: "shared", services: [{ name: "api", key }] });

  test("holds every key of 1,024 bytes that needs no escapes", () => {
    const key = `${"x".repeat(1020)}.zip`;
    expect(keyOfPattern(rendered(key))).toBe(key);
  });

  test("is counted as it is synthesised: a pattern of 2,048 characters, and no more", () => {
    const { event_pattern } = rendered(`${'"'.repeat(quotes)}${rest}.zip`).resource("aws_cloudwatch_event_rule");
    expect(event_pattern).toHaveLength(2048);
    expect(() => rendered(`${'"'.repeat(quotes)}${rest}x.zip`)).toThrow(ConfigError);
  });

  test("holds the request of any key: an input template of 8,192 characters", () => {
    // https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html
    expect(templateOf(rendered(`${"<".repeat(1020)}.zip`)).length).toBeLessThan(8192);
  });
});

interface Overrides {
  readonly environmentVariablesOverride: readonly { readonly name: string; readonly value: string }[];
}

function keyOfPattern(synthesis: Synthesis): string | undefined {
  const { detail } = JSON.parse(synthesis.resource("aws_cloudwatch_event_rule").event_pattern as string) as {
    readonly detail: Readonly<Record<string, { readonly key?: readonly string[] }>>;
  };
  return (detail.object ?? detail.requestParameters)?.key?.[0];
}

function templateOf(synthesis: Synthesis): string {
  const { input_transformer } = synthesis.resource("aws_cloudwatch_event_target");
  return (input_transformer as { readonly input_template: string }).input_template;
}

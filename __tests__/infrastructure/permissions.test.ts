import { names } from "../../config/names";
import { ACCOUNTS, synthesise } from "../support/synthesis";

const created = synthesise();
const shared = synthesise({ roles: "shared" });
const existing = synthesise({ bucket: { existing: "their-drops" }, trigger: "queue" });

const TLS_ONLY = {
  Sid: "TlsOnly",
  Effect: "Deny",
  Principal: "*",
  Condition: { Bool: { "aws:SecureTransport": "false" } },
};

const READ_TOOLS = [
  {
    Sid: "ReadTools",
    Effect: "Allow",
    Action: ["s3:GetObject", "s3:GetObjectVersion"],
    Resource: "arn:aws:s3:::images-tools-111122223333-us-east-1/publish-image.zip",
  },
  {
    Sid: "IdentifyToolsBucket",
    Effect: "Allow",
    Action: ["s3:GetBucketAcl", "s3:GetBucketLocation"],
    Resource: "arn:aws:s3:::images-tools-111122223333-us-east-1",
  },
];
const LOG_IN = { Sid: "LogIn", Effect: "Allow", Action: "ecr:GetAuthorizationToken", Resource: "*" };
const PUSH_IMAGES = {
  Sid: "PushImages",
  Effect: "Allow",
  Action: [
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "ecr:DescribeImages",
  ],
};
const WRITE_LOGS = { Sid: "WriteLogs", Effect: "Allow", Action: ["logs:CreateLogStream", "logs:PutLogEvents"] };

describe("the policies of a pipeline, whole", () => {
  test("with a bucket of its own and a role for each service", () => {
    expect(Object.fromEntries(created.policies())).toStrictEqual({
      "aws_iam_role images/pipeline/services/api/build/role assume_role_policy": document({
        Sid: "Assume",
        Effect: "Allow",
        Principal: { Service: "codebuild.amazonaws.com" },
        Action: "sts:AssumeRole",
        Condition: {
          ArnLike: { "aws:SourceArn": "arn:aws:codebuild:us-east-1:111122223333:project/images_api" },
          StringEquals: { "aws:SourceAccount": "111122223333" },
        },
      }),
      "aws_iam_role_policy images/pipeline/services/api/build/policy policy": document(
        {
          Sid: "ReadDrops",
          Effect: "Allow",
          Action: ["s3:GetObject", "s3:GetObjectVersion"],
          Resource: "arn:aws:s3:::image-drops/api.zip",
        },
        ...READ_TOOLS,
        LOG_IN,
        { ...PUSH_IMAGES, Resource: "arn:aws:ecr:us-east-1:111122223333:repository/api" },
        {
          ...WRITE_LOGS,
          Resource: "arn:aws:logs:us-east-1:111122223333:log-group:/aws/codebuild/images_builds:log-stream:api/*",
        },
      ),
      "aws_iam_role images/pipeline/trigger/start-build/role assume_role_policy": document({
        Sid: "Assume",
        Effect: "Allow",
        Principal: { Service: "lambda.amazonaws.com" },
        Action: "sts:AssumeRole",
      }),
      "aws_iam_role_policy images/pipeline/trigger/start-build/policy policy": document(
        {
          Sid: "StartBuilds",
          Effect: "Allow",
          Action: "codebuild:StartBuild",
          Resource: "arn:aws:codebuild:us-east-1:111122223333:project/images_*",
        },
        {
          ...WRITE_LOGS,
          Resource: "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/images_start-build:log-stream:*",
        },
        {
          Sid: "ReceiveDrops",
          Effect: "Allow",
          Action: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
          Resource: "arn:aws:sqs:us-east-1:111122223333:images_drops",
        },
      ),
      "aws_s3_bucket_policy images/pipeline/bucket/private/policy policy": document({
        ...TLS_ONLY,
        Action: "s3:*",
        Resource: ["arn:aws:s3:::image-drops", "arn:aws:s3:::image-drops/*"],
      }),
      "aws_s3_bucket_policy images/pipeline/tools/private/policy policy": document({
        ...TLS_ONLY,
        Action: "s3:*",
        Resource: [
          "arn:aws:s3:::images-tools-111122223333-us-east-1",
          "arn:aws:s3:::images-tools-111122223333-us-east-1/*",
        ],
      }),
      "aws_sqs_queue images/pipeline/trigger/queue policy": document(
        {
          Sid: "ReportFromBucket",
          Effect: "Allow",
          Principal: { Service: "s3.amazonaws.com" },
          Action: "sqs:SendMessage",
          Resource: "arn:aws:sqs:us-east-1:111122223333:images_drops",
          Condition: {
            ArnEquals: { "aws:SourceArn": "arn:aws:s3:::image-drops" },
            StringEquals: { "aws:SourceAccount": "111122223333" },
          },
        },
        { ...TLS_ONLY, Action: "sqs:*", Resource: "arn:aws:sqs:us-east-1:111122223333:images_drops" },
      ),
      "aws_sqs_queue images/pipeline/trigger/dead-letters policy": document({
        ...TLS_ONLY,
        Action: "sqs:*",
        Resource: "arn:aws:sqs:us-east-1:111122223333:images_dead-letters",
      }),
    });
  });

  test("with one role for all services", () => {
    const own = created.policies();
    const roles = "images/pipeline/services/api/build";
    expect(Object.fromEntries(shared.policies())).toStrictEqual({
      ...Object.fromEntries([...own].filter(([name]) => !name.includes(roles))),
      "aws_iam_role images/pipeline/build/role assume_role_policy": document({
        Sid: "Assume",
        Effect: "Allow",
        Principal: { Service: "codebuild.amazonaws.com" },
        Action: "sts:AssumeRole",
        Condition: {
          ArnLike: { "aws:SourceArn": "arn:aws:codebuild:us-east-1:111122223333:project/images_*" },
          StringEquals: { "aws:SourceAccount": "111122223333" },
        },
      }),
      "aws_iam_role_policy images/pipeline/build/policy policy": document(
        {
          Sid: "ReadDrops",
          Effect: "Allow",
          Action: ["s3:GetObject", "s3:GetObjectVersion"],
          Resource: "arn:aws:s3:::image-drops/*",
        },
        ...READ_TOOLS,
        LOG_IN,
        {
          ...PUSH_IMAGES,
          Resource: "arn:aws:ecr:us-east-1:111122223333:repository/*",
          Condition: { StringEquals: { "aws:ResourceTag/s3-codebuild-trigger:pipeline": "images" } },
        },
        {
          ...WRITE_LOGS,
          Resource: "arn:aws:logs:us-east-1:111122223333:log-group:/aws/codebuild/images_builds:log-stream:*",
        },
      ),
    });
  });

  test("with someone else's bucket: builds also read drops that have no version, and the bucket gets no policy", () => {
    const policies = existing.policies();
    expect(
      policies.get("aws_iam_role_policy images/pipeline/services/api/build/policy policy")?.Statement[0],
    ).toStrictEqual({
      Sid: "ReadDrops",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:GetObjectVersion"],
      Resource: "arn:aws:s3:::their-drops/api.zip",
    });
    expect(policies.get("aws_sqs_queue images/pipeline/trigger/queue policy")?.Statement[0]).toMatchObject({
      Condition: { ArnEquals: { "aws:SourceArn": "arn:aws:s3:::their-drops" } },
    });
    expect([...policies.keys()].filter((name) => name.startsWith("aws_s3_bucket_policy"))).toStrictEqual([
      "aws_s3_bucket_policy images/pipeline/tools/private/policy policy",
    ]);
  });
});

test("a key's own wildcards and dollars are no wildcards in the policy", () => {
  const odd = synthesise({ services: [{ name: "api", key: "drops/*/a?b$c.zip" }] });
  const policy = odd.policies().get("aws_iam_role_policy images/pipeline/services/api/build/policy policy");
  expect(policy?.Statement[0]).toMatchObject({ Resource: "arn:aws:s3:::image-drops/drops/${*}/a${?}b${$}c.zip" });
});

test("the role of pipeline images may start no build of pipeline images-eu", () => {
  const policy = created.policies().get("aws_iam_role_policy images/pipeline/trigger/start-build/policy policy");
  const { Resource: pattern } = policy!.Statement[0] as { Resource: string };
  const mayStart = (project: string) =>
    `arn:aws:codebuild:us-east-1:111122223333:project/${project}`.startsWith(pattern.slice(0, -1));
  expect(mayStart(names("images").buildProject("api"))).toBe(true);
  expect(mayStart(names("images-eu").buildProject("api"))).toBe(false);
});

test.each(ACCOUNTS)("in $region every ARN is of partition $partition", ({ partition, region }) => {
  for (const roles of ["own", "shared"] as const) {
    const policies = JSON.stringify([...synthesise({ region, roles }).policies()]);
    const partitions = [...policies.matchAll(/\barn:([^:]*):/g)].map(([, found]) => found);
    expect(partitions.length).toBeGreaterThan(10);
    expect(new Set(partitions)).toStrictEqual(new Set([partition]));
  }
});

describe("layers of images that are there", () => {
  const service = (name: string, options: object = {}) => ({ name, ...options });
  const statements = (changes: Parameters<typeof synthesise>[0], role: string) =>
    synthesise(changes).policies().get(`aws_iam_role_policy images/pipeline/${role}/policy policy`)!.Statement;
  const WITHOUT_LOOKING = PUSH_IMAGES.Action.filter((action) => action !== "ecr:DescribeImages");
  const pushes = (found: readonly unknown[]) => found.filter((each) => (each as { Sid: string }).Sid === "PushImages");
  const mounts = (found: readonly unknown[]) => found.filter((each) => (each as { Sid: string }).Sid === "MountLayers");
  const repository = (name: string) => `arn:aws:ecr:us-east-1:111122223333:repository/${name}`;

  test("builds look for images in their own repository only where they use layers again", () => {
    const api = "services/api/build";
    const allowed = (changes: Parameters<typeof synthesise>[0]) => pushes(statements(changes, api));
    const without = [{ ...PUSH_IMAGES, Action: WITHOUT_LOOKING, Resource: repository("api") }];
    expect(allowed({})).toStrictEqual([{ ...PUSH_IMAGES, Resource: repository("api") }]);
    expect(allowed({ services: [service("api", { reuse: false })] })).toStrictEqual(without);
    expect(allowed({ publisher: "docker" })).toStrictEqual(without);
  });

  test("one role looks for images where one service uses layers again", () => {
    const actions = (reuse: readonly boolean[]) => {
      const services = reuse.map((each, index) => service(`api${index}`, { reuse: each }));
      const [push] = pushes(statements({ roles: "shared", services }, "build"));
      return (push as { Action: readonly string[] }).Action;
    };
    expect(actions([true, false])).toStrictEqual(PUSH_IMAGES.Action);
    expect(actions([false, false])).toStrictEqual(WITHOUT_LOOKING);
  });

  test("builds read exactly the repositories that they mount from", () => {
    const services = [service("api", { mountFrom: ["team/base", "api", "base"] }), service("web")];
    expect(mounts(statements({ services }, "services/api/build"))).toStrictEqual([
      {
        Sid: "MountLayers",
        Effect: "Allow",
        Action: ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        Resource: [repository("base"), repository("team/base")],
      },
    ]);
    expect(mounts(statements({ services }, "services/web/build"))).toStrictEqual([]);
  });

  test("one role reads what any service mounts from, but for the pipeline's own, which it may read anyway", () => {
    const services = [
      service("api", { mountFrom: ["web", "base"] }),
      service("web", { mountFrom: ["base", "alpine"] }),
    ];
    expect(mounts(statements({ roles: "shared", services }, "build"))).toMatchObject([
      { Resource: [repository("alpine"), repository("base")] },
    ]);
    const inside = [service("api", { mountFrom: ["web"] }), service("web")];
    expect(mounts(statements({ roles: "shared", services: inside }, "build"))).toStrictEqual([]);
  });
});

function document(...statements: readonly object[]) {
  return { Version: "2012-10-17", Statement: statements };
}

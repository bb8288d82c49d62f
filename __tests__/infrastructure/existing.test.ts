import type { PipelineInput } from "../../config/schema";
import { everythingExisting, existingThings, thingsOf } from "../support/existing";
import { ACCOUNTS, synthesise, type Synthesis } from "../support/synthesis";

const [account] = ACCOUNTS;
const THINGS = existingThings(account!);
const { ourKey, senderKey, toolsKey, boundary } = thingsOf(account!);
const made = new Map<string, Synthesis>();

/** The stack of a pipeline with one thing taken as it is. */
function withExisting(thing: keyof typeof THINGS): Synthesis {
  const known = made.get(thing) ?? synthesise(THINGS[thing]);
  made.set(thing, known);
  return known;
}

const plain = synthesise();
const everything = synthesise(everythingExisting(account!));

const BUCKET = {
  aws_s3_bucket: -1,
  aws_s3_bucket_public_access_block: -1,
  aws_s3_bucket_ownership_controls: -1,
  aws_s3_bucket_server_side_encryption_configuration: -1,
  aws_s3_bucket_policy: -1,
  aws_s3_bucket_versioning: -1,
  aws_s3_bucket_lifecycle_configuration: -1,
};
const REPOSITORY = { aws_ecr_repository: -1, aws_ecr_lifecycle_policy: -1 };
const ROLE = { aws_iam_role: -1, aws_iam_role_policy: -1 };
const RULE = { aws_cloudwatch_event_rule: 1, aws_cloudwatch_event_target: 1 };

describe("what is not created", () => {
  test.each<[keyof typeof THINGS, Readonly<Record<string, number>>]>([
    // By default EventBridge brings its events.
    ["bucket", { ...BUCKET, ...RULE, aws_s3_bucket_notification: -1 }],
    ["bucket of another account", { ...BUCKET, ...RULE, aws_s3_bucket_notification: -1 }],
    ["repository", REPOSITORY],
    ["repositories of another account", REPOSITORY],
    ["key", {}],
    ["builds' role", ROLE],
    ["function's role", ROLE],
    ["both roles", { aws_iam_role: -2, aws_iam_role_policy: -2 }],
    ["VPC", {}],
    ["VPC with NAT", {}],
    ["topic", { aws_sns_topic_subscription: 1 }],
    ["event bus", RULE],
    [
      "event bus, direct",
      {
        ...RULE,
        aws_cloudwatch_log_group: -1,
        aws_sqs_queue: -1,
        aws_lambda_function: -1,
        aws_lambda_event_source_mapping: -1,
      },
    ],
    ["builds' log group", { aws_cloudwatch_log_group: -1 }],
    ["function's log group", { aws_cloudwatch_log_group: -1 }],
    ["tools bucket", BUCKET],
  ])("with an existing %s: the other resources, and no others", (thing, difference) => {
    const expected = Object.entries({ ...plain.counts(), ...difference }).map(
      ([type]) => [type, (plain.counts()[type] ?? 0) + (difference[type] ?? 0)] as const,
    );
    expect(withExisting(thing).counts()).toStrictEqual(Object.fromEntries(expected.filter(([, count]) => count > 0)));
  });

  test("with all of them together: nothing but the way from the event to the build, and the zip that builds run", () => {
    expect(everything.counts()).toStrictEqual({
      aws_s3_object: 1,
      aws_sqs_queue: 2,
      aws_lambda_function: 1,
      aws_lambda_event_source_mapping: 1,
      aws_cloudwatch_event_rule: 1,
      aws_cloudwatch_event_target: 1,
      aws_codebuild_project: 1,
    });
  });

  test("every thing that can be taken as it is has a row above", () => {
    expect(made.size).toBe(Object.keys(THINGS).length);
  });
});

test("a repository that the pipeline made before is let go of, with its policies", () => {
  const repositories = { pullAccounts: ["444455556666"] };
  const before = synthesise({ services: ["api", "web"], repositories });
  const after = synthesise({ services: [{ name: "api", repository: { existing: "api" } }, "web"], repositories });
  const gone = [...before.written().keys()].filter((address) => !after.written().has(address));
  expect(gone.map((address) => address.split(".")[0])).toStrictEqual([
    "aws_ecr_repository",
    "aws_ecr_lifecycle_policy",
    "aws_ecr_repository_policy",
  ]);
  expect(after.forgotten()).toStrictEqual(gone.toSorted());
});

const TLS_ONLY = { Effect: "Deny", Principal: "*", Condition: { Bool: { "aws:SecureTransport": "false" } } };
const PUSH = [
  "ecr:BatchCheckLayerAvailability",
  "ecr:InitiateLayerUpload",
  "ecr:UploadLayerPart",
  "ecr:CompleteLayerUpload",
  "ecr:PutImage",
  "ecr:BatchGetImage",
  "ecr:GetDownloadUrlForLayer",
  "ecr:DescribeImages",
];
const OUR_ACCOUNT = { AWS: "arn:aws:iam::111122223333:root" };
const SUBNETS = [
  "arn:aws:ec2:us-east-1:111122223333:subnet/subnet-0123456789abcdef0",
  "arn:aws:ec2:us-east-1:111122223333:subnet/subnet-0123456789abcdef1",
];
const ENTER_NETWORK = {
  Sid: "EnterNetwork",
  Effect: "Allow",
  Action: "ec2:CreateNetworkInterface",
  Resource: [
    "arn:aws:ec2:us-east-1:111122223333:network-interface/*",
    ...SUBNETS,
    "arn:aws:ec2:us-east-1:111122223333:security-group/sg-0123456789abcdef0",
  ],
};
const BUILDS_IN_VPC = [
  {
    Sid: "FindNetwork",
    Effect: "Allow",
    Action: [
      "ec2:DescribeDhcpOptions",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeVpcs",
    ],
    Resource: "*",
  },
  ENTER_NETWORK,
  {
    Sid: "LeaveNetwork",
    Effect: "Allow",
    Action: "ec2:DeleteNetworkInterface",
    Resource: "arn:aws:ec2:us-east-1:111122223333:network-interface/*",
  },
  {
    Sid: "LendInterfaces",
    Effect: "Allow",
    Action: "ec2:CreateNetworkInterfacePermission",
    Resource: "arn:aws:ec2:us-east-1:111122223333:network-interface/*",
    Condition: {
      StringEquals: { "ec2:AuthorizedService": "codebuild.amazonaws.com" },
      ArnEquals: { "ec2:Subnet": SUBNETS },
    },
  },
];

describe("with everything existing, whole policies", () => {
  test("in the stack: queues only", () => {
    expect(Object.fromEntries(everything.policies())).toStrictEqual({
      "aws_sqs_queue images/pipeline/trigger/dead-letters policy": document(
        send("KeepFromRule", "images_dead-letters"),
        tlsOnly("images_dead-letters"),
      ),
      "aws_sqs_queue images/pipeline/trigger/queue policy": document(
        send("ReportFromRule", "images_drops"),
        tlsOnly("images_drops"),
      ),
    });
  });

  test.each(Object.keys(THINGS) as (keyof typeof THINGS)[])(
    "for others, to be read from a plan: nothing in it has to be made first, with an existing %s",
    (thing) => {
      const { output } = JSON.parse(withExisting(thing).text) as { output: { for_others?: object } };
      expect(JSON.stringify(output.for_others ?? {})).not.toMatch(/\$\{aws_/);
    },
  );

  test("for others: what each has to attach", () => {
    const builds = "arn:aws:iam::111122223333:role/teams/builds";
    const decrypt = (Sid: string) => fromRoles({ Sid, Action: "kms:Decrypt", Resource: "*" }, builds);
    expect(forOthers(everything)).toStrictEqual({
      bucket_policy: document(
        fromRoles(
          {
            Sid: "ReadDrops",
            Action: ["s3:GetObject", "s3:GetObjectVersion"],
            Resource: ["arn:aws:s3:::their-drops/api.zip"],
          },
          builds,
        ),
      ),
      bucket_key_policy: document(decrypt("DecryptDrops")),
      tools_key_policy: document(decrypt("DecryptTools")),
      encryption_key_policy: document(
        fromRoles({ Sid: "UseFromRoles", Action: "kms:Decrypt", Resource: "*" }, [
          "arn:aws:iam::111122223333:role/teams/starter",
        ]),
        {
          Sid: "ReportFromRules",
          Effect: "Allow",
          Principal: { Service: "events.amazonaws.com" },
          Action: ["kms:Decrypt", "kms:GenerateDataKey"],
          Resource: "*",
          Condition: { ArnLike: { "aws:SourceArn": "arn:aws:events:us-east-1:111122223333:rule/storage/images_*" } },
        },
      ),
      repository_policies: {
        "777788889999/platform/api": document(fromRoles({ Sid: "PushImages", Action: PUSH }, builds)),
      },
      event_forwarding: {
        event_pattern: { source: ["aws.s3"], detail: { bucket: { name: ["their-drops"] } } },
        target_arn: "arn:aws:events:us-east-1:111122223333:event-bus/storage",
      },
      event_bus_policy: document({
        Sid: "ForwardFromBucketAccount",
        Effect: "Allow",
        Principal: { AWS: "arn:aws:iam::444455556666:root" },
        Action: "events:PutEvents",
        Resource: "arn:aws:events:us-east-1:111122223333:event-bus/storage",
      }),
      builds_role_trust: document({
        Sid: "Assume",
        Effect: "Allow",
        Principal: { Service: "codebuild.amazonaws.com" },
        Action: "sts:AssumeRole",
        Condition: {
          ArnLike: { "aws:SourceArn": "arn:aws:codebuild:us-east-1:111122223333:project/images_*" },
          StringEquals: { "aws:SourceAccount": "111122223333" },
        },
      }),
      builds_role_policy: document(
        allow("ReadDrops", ["s3:GetObject", "s3:GetObjectVersion"], "arn:aws:s3:::their-drops/*"),
        allow(
          "ReadTools",
          ["s3:GetObject", "s3:GetObjectVersion"],
          "arn:aws:s3:::our-tools/pipelines/images/publish-image.zip",
        ),
        allow("IdentifyToolsBucket", ["s3:GetBucketAcl", "s3:GetBucketLocation"], "arn:aws:s3:::our-tools"),
        allow("DecryptObjects", "kms:Decrypt", [toolsKey, senderKey]),
        allow("LogIn", "ecr:GetAuthorizationToken", "*"),
        allow("PushToExisting", PUSH, ["arn:aws:ecr:us-east-1:777788889999:repository/platform/api"]),
        allow(
          "WriteLogs",
          ["logs:CreateLogStream", "logs:PutLogEvents"],
          "arn:aws:logs:us-east-1:111122223333:log-group:/teams/images:log-stream:images_*",
        ),
        ...BUILDS_IN_VPC,
      ),
      function_role_trust: document({
        Sid: "Assume",
        Effect: "Allow",
        Principal: { Service: "lambda.amazonaws.com" },
        Action: "sts:AssumeRole",
      }),
      function_role_policy: document(
        allow("StartBuilds", "codebuild:StartBuild", "arn:aws:codebuild:us-east-1:111122223333:project/images_*"),
        allow(
          "WriteLogs",
          ["logs:CreateLogStream", "logs:PutLogEvents"],
          "arn:aws:logs:us-east-1:111122223333:log-group:/teams/images:log-stream:*",
        ),
        allow(
          "ReceiveDrops",
          ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
          "arn:aws:sqs:us-east-1:111122223333:images_drops",
        ),
        allow("DecryptDrops", "kms:Decrypt", [ourKey]),
        allow("FindNetwork", ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], "*"),
        ENTER_NETWORK,
        allow(
          "LeaveNetwork",
          ["ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"],
          "arn:aws:ec2:us-east-1:111122223333:*/*",
        ),
      ),
    });
  });
});

describe("an existing bucket of another account", () => {
  const synthesis = synthesise({ ...THINGS["bucket of another account"], trigger: "queue" });

  test("may report on behalf of its own account, and of no other", () => {
    const { Statement } = synthesis.policies().get("aws_sqs_queue images/pipeline/trigger/queue policy")!;
    expect(Statement[0]).toStrictEqual({
      Sid: "ReportFromBucket",
      Effect: "Allow",
      Principal: { Service: "s3.amazonaws.com" },
      Action: "sqs:SendMessage",
      Resource: "arn:aws:sqs:us-east-1:111122223333:images_drops",
      Condition: {
        ArnEquals: { "aws:SourceArn": "arn:aws:s3:::their-drops" },
        StringEquals: { "aws:SourceAccount": "444455556666" },
      },
    });
    const lambda = synthesise({ ...THINGS["bucket of another account"], trigger: "lambda" });
    expect(lambda.resource("aws_lambda_permission")).toMatchObject({ source_account: "444455556666" });
  });

  test("builds may decrypt by its key, and by no other", () => {
    expect(buildStatements(synthesis)).toContainEqual(allow("DecryptObjects", "kms:Decrypt", [senderKey]));
  });

  test("its policy names the roles of this pipeline's builds by a pattern that no other pipeline's roles match", () => {
    const roles = "arn:aws:iam::111122223333:role/images_*_build";
    expect(forOthers(synthesis)).toStrictEqual({
      bucket_key_policy: document(fromRoles({ Sid: "DecryptDrops", Action: "kms:Decrypt", Resource: "*" }, roles)),
      bucket_policy: document(
        fromRoles(
          {
            Sid: "ReadDrops",
            Action: ["s3:GetObject", "s3:GetObjectVersion"],
            Resource: ["arn:aws:s3:::their-drops/api.zip"],
          },
          roles,
        ),
      ),
    });
  });

  test.each([
    [20, Array.from({ length: 20 }, (_, index) => `arn:aws:s3:::their-drops/s${index + 100}.zip`)],
    [21, "arn:aws:s3:::their-drops/*"],
  ])("with %i services its policy stays within 20 KB", (count, resource) => {
    const services = Array.from({ length: count }, (_, index) => `s${index + 100}`);
    const { bucket_policy } = forOthers(synthesise({ ...THINGS["bucket of another account"], services }));
    expect(bucket_policy).toMatchObject({ Statement: [{ Resource: resource }] });
  });

  test.each([
    [["a", "b"], ["a", "b"].map((name) => `arn:aws:s3:::their-drops/${name}${"${*}".repeat(1000)}.zip`)],
    [["a", "b", "c"], "arn:aws:s3:::their-drops/*"],
  ])("with long keys of %j its policy takes half of these at most", (names, resource) => {
    const services = names.map((name) => ({ name, key: `${name}${"*".repeat(1000)}.zip`, repository: `team/${name}` }));
    const { bucket_policy } = forOthers(synthesise({ ...THINGS["bucket of another account"], services }));
    expect(bucket_policy).toMatchObject({ Statement: [{ Resource: resource }] });
  });
});

describe("an existing repository", () => {
  test("is pushed to under the host of its account", () => {
    const environment = (synthesis: Synthesis) => {
      const { environment_variable } = synthesis.resource("aws_codebuild_project").environment as {
        environment_variable: readonly { readonly name: string; readonly value: string }[];
      };
      return Object.fromEntries(environment_variable.map(({ name, value }) => [name, value]));
    };
    expect(environment(withExisting("repository"))).toMatchObject({
      ECS_SOURCE: "111122223333.dkr.ecr.us-east-1.amazonaws.com",
      IMAGE_REPO_NAME: "platform/api",
    });
    expect(environment(withExisting("repositories of another account"))).toMatchObject({
      ECS_SOURCE: "777788889999.dkr.ecr.us-east-1.amazonaws.com",
      IMAGE_REPO_NAME: "platform/api",
    });
    expect(withExisting("repositories of another account").output.repository_urls).toMatchObject({
      value: { api: "777788889999.dkr.ecr.us-east-1.amazonaws.com/platform/api" },
    });
  });

  test("is named in the policy of its service's builds, with nothing of the account's own", () => {
    const pushes = (thing: "repository" | "repositories of another account") =>
      buildStatements(withExisting(thing)).filter(({ Sid }) => Sid.startsWith("Push"));
    expect(pushes("repository")).toStrictEqual([
      allow("PushToExisting", PUSH, ["arn:aws:ecr:us-east-1:111122223333:repository/platform/api"]),
    ]);
    expect(pushes("repositories of another account")).toStrictEqual([
      allow("PushToExisting", PUSH, ["arn:aws:ecr:us-east-1:777788889999:repository/platform/api"]),
    ]);
  });

  test("beside one that is made, with a role for all: the one by its name, the other by its tag", () => {
    const services: PipelineInput["services"] = ["web", { name: "api", repository: { existing: "platform/api" } }];
    const statements = buildStatements(synthesise({ roles: "shared", services }));
    expect(statements.filter(({ Sid }) => Sid.startsWith("Push"))).toStrictEqual([
      {
        ...allow("PushImages", PUSH, "arn:aws:ecr:us-east-1:111122223333:repository/*"),
        Condition: { StringEquals: { "aws:ResourceTag/s3-codebuild-trigger:pipeline": "images" } },
      },
      allow("PushToExisting", PUSH, ["arn:aws:ecr:us-east-1:111122223333:repository/platform/api"]),
    ]);
  });

  test("in another account lets the role of its own service push, and no other", () => {
    const services = ["api", "web"];
    const { repository_policies } = forOthers(synthesise({ ...THINGS["repositories of another account"], services }));
    expect(repository_policies).toStrictEqual(
      Object.fromEntries(
        services.map((service) => [
          `777788889999/platform/${service}`,
          document(
            fromRoles({ Sid: "PushImages", Action: PUSH }, `arn:aws:iam::111122223333:role/images_${service}_build`),
          ),
        ]),
      ),
    );
  });

  test("in another account takes layers from repositories of that account", () => {
    const defaults = { ...THINGS["repositories of another account"].defaults, mountFrom: ["base"] };
    expect(buildStatements(synthesise({ defaults }))).toContainEqual(
      allow(
        "MountLayers",
        ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        ["arn:aws:ecr:us-east-1:777788889999:repository/base"],
      ),
    );
  });

  const MOUNT = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
  const role = (name: string) => `arn:aws:iam::111122223333:role/images_${name}`;
  const theirs = (name: string, mountFrom: readonly string[] = []) => ({
    name,
    repository: { existing: `platform/${name}`, account: "777788889999" },
    mountFrom: [...mountFrom],
  });
  const push = (arn: string) => fromRoles({ Sid: "PushImages", Action: PUSH }, arn);
  const mount = (arns: string | string[]) => fromRoles({ Sid: "MountLayers", Action: MOUNT }, arns);

  test("in another account lets the roles of the services that mount from one read it, and no other", () => {
    const services = [
      theirs("api", ["platform/base", "platform/web"]),
      theirs("web", ["platform/base"]),
      theirs("db"),
      // Of the pipeline's own account.
      { name: "own", mountFrom: ["alpine"] },
    ];
    expect(forOthers(synthesise({ services })).repository_policies).toStrictEqual({
      "777788889999/platform/api": document(push(role("api_build"))),
      "777788889999/platform/base": document(mount([role("api_build"), role("web_build")])),
      "777788889999/platform/db": document(push(role("db_build"))),
      "777788889999/platform/web": document(push(role("web_build")), mount(role("api_build"))),
    });
  });

  test.each([
    [58, Array.from({ length: 58 }, (_, index) => role(`s${index + 100}_build`))],
    [59, role("*_build")],
  ])("in another account lets the roles of %i services read it by a policy that ECR takes", (count, roles) => {
    const mounting = Array.from({ length: count }, (_, index) => theirs(`s${index + 100}`, ["platform/base"]));
    const { repository_policies } = forOthers(synthesise({ services: [theirs("api"), ...mounting] }));
    expect(repository_policies).toHaveProperty(["777788889999/platform/base"], document(mount(roles)));
  });

  test("in another account is told once where one role for all builds may read it anyway", () => {
    const services = [theirs("api", ["platform/base", "platform/web"]), theirs("web")];
    expect(forOthers(synthesise({ roles: "shared", services })).repository_policies).toStrictEqual({
      "777788889999/platform/api": document(push(role("build"))),
      "777788889999/platform/base": document(mount(role("build"))),
      "777788889999/platform/web": document(push(role("build"))),
    });
  });
});

describe("a customer's key", () => {
  const trail = synthesise({ ...THINGS.key, trigger: { cloudtrail: { trail: true } } });
  const topic = synthesise({ ...THINGS.key, trigger: "topic" });

  test("encrypts buckets, queues, log groups and repositories", () => {
    const synthesis = withExisting("key");
    for (const bucket of ["bucket/private/encryption", "tools/private/encryption"]) {
      expect(synthesis.resource("aws_s3_bucket_server_side_encryption_configuration", bucket).rule).toStrictEqual([
        {
          apply_server_side_encryption_by_default: { kms_master_key_id: ourKey, sse_algorithm: "aws:kms" },
          bucket_key_enabled: true,
        },
      ]);
    }
    for (const queue of ["trigger/queue", "trigger/dead-letters"]) {
      expect(synthesis.resource("aws_sqs_queue", queue)).toMatchObject({ kms_master_key_id: ourKey });
      expect(synthesis.resource("aws_sqs_queue", queue)).not.toHaveProperty("sqs_managed_sse_enabled");
    }
    for (const group of ["build-logs", "start-build/logs"]) {
      expect(synthesis.resource("aws_cloudwatch_log_group", group)).toMatchObject({ kms_key_id: ourKey });
    }
    expect(synthesis.resource("aws_ecr_repository").encryption_configuration).toStrictEqual([
      { encryption_type: "KMS", kms_key: ourKey },
    ]);
  });

  test("encrypts topic and trail", () => {
    expect(topic.resource("aws_sns_topic")).toMatchObject({ kms_master_key_id: ourKey });
    expect(trail.resource("aws_cloudtrail")).toMatchObject({ kms_key_id: ourKey });
  });

  test("its policy lets roles, senders, logs, ECR and S3 use it, and nobody else", () => {
    expect(forOthers(withExisting("key"))).toStrictEqual({
      encryption_key_policy: document(
        fromRoles({ Sid: "UseFromRoles", Action: "kms:Decrypt", Resource: "*" }, [
          "arn:aws:iam::111122223333:role/images_*_build",
          "arn:aws:iam::111122223333:role/images_start-build",
        ]),
        {
          ...keyStatement("WriteObjects", OUR_ACCOUNT, ["kms:Decrypt", "kms:GenerateDataKey"]),
          Condition: {
            ArnEquals: {
              "kms:EncryptionContext:aws:s3:arn": [
                "arn:aws:s3:::image-drops",
                "arn:aws:s3:::images-tools-111122223333-us-east-1",
              ],
            },
          },
        },
        {
          ...keyStatement("EncryptLogs", { Service: "logs.us-east-1.amazonaws.com" }, [
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncrypt*",
            "kms:GenerateDataKey*",
            "kms:Describe*",
          ]),
          Condition: {
            ArnEquals: {
              "kms:EncryptionContext:aws:logs:arn": [
                "arn:aws:logs:us-east-1:111122223333:log-group:/aws/codebuild/images_builds",
                "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/images_start-build",
              ],
            },
          },
        },
        keyStatement("DescribeKey", OUR_ACCOUNT, ["kms:DescribeKey", "kms:RetireGrant"]),
        {
          ...keyStatement("GrantToRepositories", OUR_ACCOUNT, "kms:CreateGrant"),
          Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } },
        },
        {
          ...keyStatement("ReportFromBucket", { Service: "s3.amazonaws.com" }, ["kms:Decrypt", "kms:GenerateDataKey"]),
          Condition: {
            ArnEquals: { "aws:SourceArn": "arn:aws:s3:::image-drops" },
            StringEquals: { "aws:SourceAccount": "111122223333" },
          },
        },
      ),
    });
  });

  test.each<[string, Synthesis, string[]]>([
    ["a topic", topic, ["ReportFromBucket s3.amazonaws.com", "ReportFromTopic sns.amazonaws.com"]],
    ["a trail", trail, ["ReportFromRules events.amazonaws.com", "EncryptTrail cloudtrail.amazonaws.com"]],
    ["a function alone", synthesise({ ...THINGS.key, trigger: "lambda" }), []],
    ["an existing topic", synthesise({ ...THINGS.key, ...THINGS.topic }), ["ReportFromTopic sns.amazonaws.com"]],
  ])("with %s its policy names the services that send", (_, synthesis, senders) => {
    const { Statement } = forOthers(synthesis).encryption_key_policy as { Statement: KeyStatement[] };
    const services = Statement.filter(({ Principal, Sid }) => Principal.Service !== undefined && Sid !== "EncryptLogs");
    expect(services.map(({ Sid, Principal }) => `${Sid} ${Principal.Service ?? ""}`)).toStrictEqual(senders);
  });

  test("lets builds decrypt drops and tools, and the function what waits in the queue", () => {
    const synthesis = withExisting("key");
    expect(buildStatements(synthesis)).toContainEqual(allow("DecryptObjects", "kms:Decrypt", [ourKey]));
    const policy = "aws_iam_role_policy images/pipeline/trigger/start-build/policy policy";
    expect(synthesis.policies().get(policy)!.Statement).toContainEqual(allow("DecryptDrops", "kms:Decrypt", [ourKey]));
    const lambda = synthesise({ ...THINGS.key, trigger: "lambda" });
    expect(lambda.policies().get(policy)!.Statement).toContainEqual(
      allow("EncryptFailures", ["kms:Decrypt", "kms:GenerateDataKey"], [ourKey]),
    );
  });
});

describe("roles", () => {
  test("that exist are what function and project act by", () => {
    const synthesis = withExisting("both roles");
    expect(synthesis.resource("aws_lambda_function")).toMatchObject({
      role: "arn:aws:iam::111122223333:role/teams/starter",
    });
    expect(synthesis.resource("aws_codebuild_project")).toMatchObject({
      service_role: "arn:aws:iam::111122223333:role/teams/builds",
    });
    expect(synthesis.dependencies("aws_codebuild_project")).toStrictEqual([]);
  });

  test("that exist are what the rules of a direct trigger act by", () => {
    const synthesis = synthesise({ ...THINGS["function's role"], trigger: { eventbridge: { direct: true } } });
    expect(synthesis.resource("aws_cloudwatch_event_target")).toMatchObject({
      role_arn: "arn:aws:iam::111122223333:role/teams/starter",
    });
    expect(forOthers(synthesis).function_role_trust).toMatchObject({
      Statement: [{ Principal: { Service: "events.amazonaws.com" } }],
    });
  });

  test("that are made carry path, boundary and prefix", () => {
    const roles = { builds: "own", path: "/teams/images/", permissionBoundary: boundary, namePrefix: "corp-" } as const;
    const synthesis = synthesise({ roles, ...THINGS["bucket of another account"] });
    for (const [id, name] of [
      ["services/api/build/role", "corp-images_api_build"],
      ["start-build/role", "corp-images_start-build"],
    ] as const) {
      expect(synthesis.resource("aws_iam_role", id)).toMatchObject({
        name,
        path: "/teams/images/",
        permissions_boundary: boundary,
      });
    }
    expect(forOthers(synthesis).bucket_policy).toMatchObject({
      Statement: [
        {
          Condition: {
            ArnLike: { "aws:PrincipalArn": "arn:aws:iam::111122223333:role/teams/images/corp-images_*_build" },
          },
        },
      ],
    });
  });
});

describe("a VPC", () => {
  test("holds builds, and the function where that is said", () => {
    const network = {
      security_group_ids: ["sg-0123456789abcdef0"],
      subnets: [...SUBNETS.map((arn) => arn.split("/")[1])],
    };
    const { subnets, ...rest } = network;
    const both = withExisting("VPC");
    const builds = withExisting("VPC with NAT");
    for (const synthesis of [both, builds]) {
      expect(synthesis.resource("aws_codebuild_project").vpc_config).toStrictEqual({
        ...network,
        vpc_id: "vpc-0123456789abcdef0",
      });
      expect(buildStatements(synthesis).filter(({ Sid }) => /Network|Interfaces/.test(Sid))).toStrictEqual(
        BUILDS_IN_VPC,
      );
    }
    expect(both.resource("aws_lambda_function").vpc_config).toStrictEqual({ ...rest, subnet_ids: subnets });
    expect(builds.resource("aws_lambda_function")).not.toHaveProperty("vpc_config");
    expect(
      JSON.stringify(builds.policies().get("aws_iam_role_policy images/pipeline/trigger/start-build/policy policy")),
    ).not.toContain("ec2:");
  });

  test("the function is made after its role may enter it", () => {
    expect(withExisting("VPC").dependencies("aws_lambda_function")).toStrictEqual([
      "aws_cloudwatch_log_group images/pipeline/trigger/start-build/logs",
      "aws_iam_role_policy images/pipeline/trigger/start-build/policy",
    ]);
  });

  test("whose subnets another account shares: they are of that account, interfaces are not", () => {
    const vpc = { ...THINGS["VPC with NAT"].vpc, account: "777788889999" };
    const enter = buildStatements(synthesise({ vpc })).find(({ Sid }) => Sid === "EnterNetwork");
    expect(enter).toMatchObject({
      Resource: [
        "arn:aws:ec2:us-east-1:111122223333:network-interface/*",
        "arn:aws:ec2:us-east-1:777788889999:subnet/subnet-0123456789abcdef0",
        "arn:aws:ec2:us-east-1:777788889999:subnet/subnet-0123456789abcdef1",
        "arn:aws:ec2:us-east-1:777788889999:security-group/sg-0123456789abcdef0",
        "arn:aws:ec2:us-east-1:111122223333:security-group/sg-0123456789abcdef0",
      ],
    });
  });
});

describe("a bus", () => {
  test.each(["event bus", "event bus, direct"] as const)("carries rule and target: %s", (thing) => {
    const synthesis = withExisting(thing);
    expect(synthesis.resource("aws_cloudwatch_event_rule")).toMatchObject({ event_bus_name: "storage" });
    expect(synthesis.resource("aws_cloudwatch_event_target")).toMatchObject({ event_bus_name: "storage" });
    expect(forOthers(synthesis)).toStrictEqual({
      event_forwarding: {
        event_pattern: { source: ["aws.s3"], detail: { bucket: { name: ["image-drops"] } } },
        target_arn: "arn:aws:events:us-east-1:111122223333:event-bus/storage",
      },
    });
    expect(JSON.stringify([...synthesis.policies()])).not.toMatch(/rule\/images_/);
  });
});

describe("log groups", () => {
  test("of others get streams that begin with the pipeline's name", () => {
    const synthesis = withExisting("builds' log group");
    expect(synthesis.resource("aws_codebuild_project").logs_config).toStrictEqual({
      cloudwatch_logs: { group_name: "/teams/images", stream_name: "images_api" },
    });
    expect(buildStatements(synthesis)).toContainEqual(
      allow(
        "WriteLogs",
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        "arn:aws:logs:us-east-1:111122223333:log-group:/teams/images:log-stream:images_api/*",
      ),
    );
  });

  test("of others are named to the function", () => {
    expect(withExisting("function's log group").resource("aws_lambda_function").logging_config).toStrictEqual({
      log_format: "Text",
      log_group: "/teams/images",
    });
  });
});

describe("a tools bucket", () => {
  const synthesis = withExisting("tools bucket");

  test("gets one object, below the prefix, and projects name its version", () => {
    expect(synthesis.resource("aws_s3_object")).toMatchObject({
      bucket: "our-tools",
      key: "pipelines/images/publish-image.zip",
    });
    expect(synthesis.resource("aws_codebuild_project")).toMatchObject({
      source: { location: "our-tools/pipelines/images/publish-image.zip" },
      source_version: "version-id-of-pipelines/images/publish-image.zip",
    });
  });

  test("that keeps no versions stops the apply", () => {
    expect(synthesis.resource("aws_s3_object").lifecycle).toStrictEqual({
      postcondition: [
        {
          condition: '${self.version_id != "" && self.version_id != "null"}',
          error_message:
            "The bucket our-tools keeps no versions, so builds could not name the version of the publisher that they were made with: switch versioning on there, or leave tools out of the configuration for a bucket of the pipeline's own.",
        },
      ],
    });
    expect(plain.resource("aws_s3_object")).not.toHaveProperty("lifecycle");
  });
});

interface KeyStatement {
  readonly Sid: string;
  readonly Principal: { readonly Service?: string };
}

function buildStatements(synthesis: Synthesis) {
  const [, policy] = [...synthesis.policies()].find(
    ([name]) => /^aws_iam_role_policy .*build\/policy/.test(name) && !name.includes("start-build"),
  )!;
  return policy.Statement as { Sid: string }[];
}

/** The output, with its JSON read. */
function forOthers(synthesis: Synthesis): Record<string, unknown> {
  const read = (value: unknown): unknown => {
    if (typeof value === "string") return value.startsWith("{") ? (JSON.parse(value) as unknown) : value;
    return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, read(item)]));
  };
  return read(synthesis.output.for_others?.value ?? {}) as Record<string, unknown>;
}

function document(...statements: readonly object[]) {
  return { Version: "2012-10-17", Statement: statements };
}

function allow(Sid: string, Action: unknown, Resource: unknown) {
  return { Sid, Effect: "Allow", Action, Resource };
}

function keyStatement(Sid: string, Principal: object, Action: unknown) {
  return { Sid, Effect: "Allow", Principal, Action, Resource: "*" };
}

function fromRoles(statement: { Sid: string; Action: unknown; Resource?: unknown }, roles: string | readonly string[]) {
  return {
    ...statement,
    Effect: "Allow",
    Principal: OUR_ACCOUNT,
    Condition: { ArnLike: { "aws:PrincipalArn": roles } },
  };
}

function send(Sid: string, queue: string) {
  return {
    Sid,
    Effect: "Allow",
    Principal: { Service: "events.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: `arn:aws:sqs:us-east-1:111122223333:${queue}`,
    Condition: { ArnEquals: { "aws:SourceArn": "arn:aws:events:us-east-1:111122223333:rule/storage/images_drops" } },
  };
}

function tlsOnly(queue: string) {
  return { Sid: "TlsOnly", ...TLS_ONLY, Action: "sqs:*", Resource: `arn:aws:sqs:us-east-1:111122223333:${queue}` };
}

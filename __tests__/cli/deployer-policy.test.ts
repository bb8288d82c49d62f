import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deployerPolicyCommand } from "../../cli/deployer-policy";
import { evaluate } from "../../local/iam/evaluate";
import { parsePolicy } from "../../local/iam/policy";

const folder = mkdtempSync(join(tmpdir(), "deployer-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function run(yaml: string, ...args: string[]) {
  const file = join(folder, "pipeline.yaml");
  writeFileSync(file, yaml);
  let out = "";
  let err = "";
  const code = deployerPolicyCommand(["--file", file, ...args], {
    out: (text) => (out += text),
    err: (text) => (err += text),
  });
  return { code, out, err: err.replaceAll(file, "pipeline.yaml") };
}

interface Statement {
  readonly Sid: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: unknown;
}

function statementsOf(yaml: string, ...args: string[]): readonly Statement[] {
  const { code, out } = run(yaml, ...args);
  expect(code).toBe(0);
  return (JSON.parse(out) as { Statement: Statement[] }).Statement;
}

const A = "name: a\nregion: us-east-1\nbucket: a-drops\nservices: [api]\n";
const A_B = "name: a-b\nregion: us-east-1\nbucket: a-b-drops\nrepositories: { prefix: b/ }\nservices: [api]\n";

test("a pipeline's policy names what the pipeline makes, in the account", () => {
  const resources = Object.fromEntries(
    statementsOf(A, "--account", "111122223333", "a").map(({ Sid, Resource }) => [Sid, Resource]),
  );
  expect(resources).toStrictEqual({
    Buckets: ["arn:aws:s3:::a-drops", "arn:aws:s3:::a-tools-111122223333-us-east-1"],
    DropBucket: "arn:aws:s3:::a-drops",
    ToolsObject: "arn:aws:s3:::a-tools-111122223333-us-east-1/publish-image.zip",
    ToolsBucket: "arn:aws:s3:::a-tools-111122223333-us-east-1",
    LogGroups: [
      "arn:aws:logs:us-east-1:111122223333:log-group:/aws/codebuild/a_builds",
      "arn:aws:logs:us-east-1:111122223333:log-group:/aws/codebuild/a_builds:*",
      "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/a_start-build",
      "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/a_start-build:*",
    ],
    AllLogGroups: "arn:aws:logs:us-east-1:111122223333:log-group:*",
    Queues: ["arn:aws:sqs:us-east-1:111122223333:a_drops", "arn:aws:sqs:us-east-1:111122223333:a_dead-letters"],
    Roles: "arn:aws:iam::111122223333:role/a_*",
    Function: "arn:aws:lambda:us-east-1:111122223333:function:a_start-build",
    EventSourceMappings: "arn:aws:lambda:us-east-1:111122223333:event-source-mapping:*",
    Repositories: ["arn:aws:ecr:us-east-1:111122223333:repository/api"],
    Projects: "arn:aws:codebuild:us-east-1:111122223333:project/a_*",
    GrowRoles: "arn:aws:iam::111122223333:role/a_*",
    PassRoles: ["arn:aws:iam::111122223333:role/a_*"],
    FeedFunction: "*",
  });
});

describe("a state that no policy of IAM can name", () => {
  const state = (options: string) => `${A}backend: { s3: { bucket: states, ${options} } }\n`;
  const refused = (found: string) =>
    `must be spelled otherwise for the policy of the deployer, which names it: IAM takes no character beyond U+00FF (Latin-1) in a policy, such as ${found} here; or have a role keep the state, backend.s3.assumeRole`;

  test("is refused where it stands", () => {
    expect(run(state("workspaceKeyPrefix: 环境, key: 状态/a.tfstate"))).toStrictEqual({
      code: 1,
      out: "",
      err: [
        `pipeline.yaml:5:34 backend.s3.workspaceKeyPrefix: ${refused("环 (U+73AF)")}, got "环境"`,
        `pipeline.yaml:5:58 backend.s3.key: ${refused("状 (U+72B6)")}, got "状态/a.tfstate"`,
        "2 problems in the configuration",
        "",
      ].join("\n"),
    });
  });

  test("is refused of the configuration before, too, and of the pipelines asked for alone", () => {
    const before = join(folder, "before.yaml");
    writeFileSync(before, `${state("key: 状态.tfstate")}---\n${A_B}`);
    const { code, err } = run(A, "--before", before, "a");
    expect([code, err.replaceAll(before, "before.yaml")]).toStrictEqual([
      1,
      `before.yaml:5:34 backend.s3.key: ${refused("状 (U+72B6)")}, got "状态.tfstate"\n1 problem in the configuration\n`,
    ]);
    expect(run(A_B, "--before", before, "a-b").code).toBe(0);
    expect(run(`${state("key: 状态.tfstate")}---\n${A_B}`, "a-b").code).toBe(0);
  });

  test("is a role's to keep", () => {
    const role = "arn:aws:iam::111122223333:role/states";
    const statements = statementsOf(state(`key: 状态.tfstate, assumeRole: '${role}'`), "a");
    expect(statements.at(-1)).toMatchObject({ Sid: "BecomeStateWriter", Resource: role });
  });

  test("is named as it is up to U+00FF", () => {
    const statements = statementsOf(state("key: naïve ÿ.tfstate"), "a");
    expect(statements.find(({ Sid }) => Sid === "KeepState")?.Resource).toContain(
      "arn:aws:s3:::states/naïve ÿ.tfstate",
    );
  });
});

test("the deployers of pipelines a and a-b can do nothing to each other's things", () => {
  const policies = [A, A_B].map((yaml) => {
    const name = yaml.startsWith("name: a-b") ? "a-b" : "a";
    const text = run(yaml, name).out;
    return {
      policy: parsePolicy("identity", name, text),
      statements: statementsOf(yaml, "--account", "111122223333", name),
    };
  });
  for (const [own, other] of [policies, policies.toReversed()]) {
    for (const { Sid, Action, Resource, Condition } of other!.statements) {
      // What knows no resource, or none but all of them, is everyone's; what it is tied to, is checked.
      if (["AllLogGroups", "EventSourceMappings"].includes(Sid)) continue;
      const context = new Map(
        Object.values((Condition ?? {}) as Record<string, Record<string, string | string[]>>)
          .flatMap((keys) => Object.entries(keys))
          .map(([key, value]) => [key.toLowerCase(), [value].flat()[0]!]),
      );
      for (const resource of [Resource].flat()) {
        for (const action of [Action].flat()) {
          const request = {
            requester: { roleArn: "r", sessionArn: "s" },
            action,
            resource: resource.replace(/_\*$/, "_api"),
            context,
          };
          expect([action, resource, evaluate(request, [other!.policy]).allowed]).toEqual([action, resource, true]);
          expect([action, resource, evaluate(request, [own!.policy]).allowed]).toEqual([action, resource, false]);
        }
      }
    }
  }
});

test("the account is the one that may be touched, or any; in a bucket's name any twelve digits", () => {
  const accountOf = (yaml: string) => statementsOf(yaml, "a").find(({ Sid }) => Sid === "Buckets")?.Resource;
  expect(accountOf(A)).toEqual(["arn:aws:s3:::a-drops", "arn:aws:s3:::a-tools-????????????-us-east-1"]);
  expect(accountOf(`${A}provider: { allowedAccountIds: ["111122223333"] }\n`)).toEqual([
    "arn:aws:s3:::a-drops",
    "arn:aws:s3:::a-tools-111122223333-us-east-1",
  ]);
});

test.each([
  ["cn-north-1", "aws-cn"],
  ["us-gov-west-1", "aws-us-gov"],
])("in %s every ARN is of the partition", (region, partition) => {
  const { out } = run(A.replace("us-east-1", region), "a");
  expect(new Set(out.match(/arn:[^:]*:/g))).toEqual(new Set([`arn:${partition}:`]));
});

test("roles can be made under their boundary only, where there is one", () => {
  const boundary = "arn:aws:iam::111122223333:policy/boundary";
  const roles = `roles: { path: /teams/, namePrefix: corp-, permissionBoundary: "${boundary}" }\n`;
  const statements = statementsOf(A + roles, "--account", "111122223333", "a");
  expect(statements.filter(({ Sid }) => Sid === "GrowRoles")).toEqual([
    {
      Sid: "GrowRoles",
      Effect: "Allow",
      Action: ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"],
      Resource: "arn:aws:iam::111122223333:role/teams/corp-a_*",
      Condition: { StringEquals: { "iam:PermissionsBoundary": boundary } },
    },
  ]);
  expect(
    statements.filter(({ Action }) => [Action].flat().some((action) => /^iam:(Create|Put)/.test(action))),
  ).toHaveLength(1);
});

test("what exists is not the deployer's to change: roles are lent, and no more", () => {
  const role = "arn:aws:iam::111122223333:role/teams/given";
  const existing = `bucket: { existing: drops }
roles: { builds: { existing: "${role}" }, function: { existing: "${role}" } }
tools: { bucket: { existing: our-tools }, prefix: a/ }
logs: { builds: { existing: logs }, function: { existing: logs } }
defaults: { repository: { existing: "p/{service}" } }
`;
  const statements = statementsOf(A.replace("bucket: a-drops\n", existing), "a");
  expect(statements.map(({ Sid, Resource }) => [Sid, Resource])).toEqual([
    ["ToolsObject", "arn:aws:s3:::our-tools/a/publish-image.zip"],
    ["ToolsBucket", "arn:aws:s3:::our-tools"],
    ["Queues", ["arn:aws:sqs:us-east-1:*:a_drops", "arn:aws:sqs:us-east-1:*:a_dead-letters"]],
    ["Function", "arn:aws:lambda:us-east-1:*:function:a_start-build"],
    ["EventSourceMappings", "arn:aws:lambda:us-east-1:*:event-source-mapping:*"],
    ["Rules", "arn:aws:events:us-east-1:*:rule/a_*"],
    ["Projects", "arn:aws:codebuild:us-east-1:*:project/a_*"],
    ["PassRoles", [role]],
    ["FeedFunction", "*"],
    ["LetGo", "arn:aws:ecr:us-east-1:*:repository/*"],
  ]);
});

test("a tools bucket of others is listed, so that a zip that is missing is known to be", () => {
  const statements = statementsOf(`${A}tools: { bucket: { existing: our-tools }, prefix: a/ }\n`, "a");
  expect(statements.filter(({ Resource }) => Resource === "arn:aws:s3:::our-tools")).toEqual([
    {
      Sid: "ToolsBucket",
      Effect: "Allow",
      Action: ["s3:ListBucket", "s3:ListBucketVersions"],
      Resource: "arn:aws:s3:::our-tools",
    },
  ]);
});

test("the state, the keys and the network are in it where there are some", () => {
  const key = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000001";
  const more = `backend: { s3: { bucket: our-state } }
encryption: { kmsKey: "${key}" }
vpc: { id: vpc-01234567, subnets: [subnet-01234567], securityGroups: [sg-01234567], nat: true }
`;
  const plain = new Set(statementsOf(A, "a").map(({ Sid }) => Sid));
  expect(statementsOf(A + more, "a").filter(({ Sid }) => !plain.has(Sid))).toEqual([
    {
      Sid: "UseKeys",
      Effect: "Allow",
      Action: ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:RetireGrant"],
      Resource: [key],
    },
    {
      Sid: "GrantByKeys",
      Effect: "Allow",
      Action: "kms:CreateGrant",
      Resource: [key],
      Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } },
    },
    {
      Sid: "FindNetwork",
      Effect: "Allow",
      Action: ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"],
      Resource: "*",
    },
    { Sid: "FindState", Effect: "Allow", Action: "s3:ListBucket", Resource: "arn:aws:s3:::our-state" },
    {
      Sid: "KeepState",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject"],
      Resource: [
        "arn:aws:s3:::our-state/a.tfstate",
        "arn:aws:s3:::our-state/env:/*/a.tfstate",
        "arn:aws:s3:::our-state/a.tfstate.tflock",
        "arn:aws:s3:::our-state/env:/*/a.tfstate.tflock",
      ],
    },
    {
      Sid: "Unlock",
      Effect: "Allow",
      Action: "s3:DeleteObject",
      Resource: ["arn:aws:s3:::our-state/a.tfstate.tflock", "arn:aws:s3:::our-state/env:/*/a.tfstate.tflock"],
    },
  ]);
});

test("of a bucket whose notifications are adopted, the notifications and nothing else", () => {
  const others = join(folder, "notifications.a.json");
  writeFileSync(others, '{ "bucket": "drops", "eventbridge": false, "entries": [] }');
  const statements = statementsOf(A.replace("a-drops", "{ existing: drops, notifications: adopt }"), "a");
  expect(statements.filter(({ Resource }) => [Resource].flat().includes("arn:aws:s3:::drops"))).toEqual([
    {
      Sid: "DropBucket",
      Effect: "Allow",
      Action: ["s3:GetBucketNotification", "s3:PutBucketNotification"],
      Resource: "arn:aws:s3:::drops",
    },
  ]);
});

test("parameters of the pipeline's prefix, where outputs are written there", () => {
  const statements = statementsOf(`${A}outputs: { ssm: { prefix: /images } }\n`, "--account", "111122223333", "a");
  expect(statements.filter(({ Action }) => [Action].flat().some((action) => action.startsWith("ssm:")))).toEqual([
    {
      Sid: "Parameters",
      Effect: "Allow",
      Action: [
        "ssm:AddTagsToResource",
        "ssm:DeleteParameter",
        "ssm:GetParameter",
        "ssm:GetParameters",
        "ssm:ListTagsForResource",
        "ssm:PutParameter",
        "ssm:RemoveTagsFromResource",
      ],
      Resource: "arn:aws:ssm:us-east-1:111122223333:parameter/images/*",
    },
    { Sid: "Everything", Effect: "Allow", Action: ["ssm:DescribeParameters"], Resource: "*" },
  ]);
});

test.each([
  ["retired services", `${A}retired: [old]\n`],
  ["others in the same account", A.replace("[api]", "[{ name: api, repository: { existing: api } }]")],
])("repositories of %s may be read, by the pipeline's tag", (_, yaml) => {
  expect(statementsOf(yaml, "a").filter(({ Sid }) => Sid.startsWith("LetGo"))).toEqual([
    {
      Sid: "LetGo",
      Effect: "Allow",
      Action: [
        "ecr:DescribeRepositories",
        "ecr:GetLifecyclePolicy",
        "ecr:GetRepositoryPolicy",
        "ecr:ListTagsForResource",
      ],
      Resource: "arn:aws:ecr:us-east-1:*:repository/*",
      Condition: { StringEquals: { "aws:ResourceTag/s3-codebuild-trigger:pipeline": "a" } },
    },
  ]);
});

test("repositories of another account were never the pipeline's, and are not read", () => {
  const theirs = A.replace("[api]", '[{ name: api, repository: { existing: api, account: "777788889999" } }]');
  expect(statementsOf(theirs, "a").filter(({ Sid }) => Sid.startsWith("LetGo"))).toEqual([]);
});

test("of a trail of the pipeline's own, the bucket of its log files may be emptied, and no other", () => {
  const trail = `${A}trigger: { cloudtrail: { trail: true } }\n`;
  const statements = statementsOf(trail, "--account", "111122223333", "a");
  const empties = statements.filter(({ Action }) =>
    [Action].flat().some((action) => /^s3:(Delete|List)(Object|BucketVersions)/.test(action)),
  );
  expect(empties.map(({ Action, Resource }) => [Action, Resource])).toEqual([
    [
      [
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetObject",
        "s3:GetObjectTagging",
        "s3:GetObjectVersion",
        "s3:PutObject",
      ],
      "arn:aws:s3:::a-tools-111122223333-us-east-1/publish-image.zip",
    ],
    [["s3:ListBucket", "s3:ListBucketVersions"], "arn:aws:s3:::a-tools-111122223333-us-east-1"],
    [["s3:ListBucketVersions"], "arn:aws:s3:::a-trail-111122223333-us-east-1"],
    [["s3:DeleteObject", "s3:DeleteObjectVersion"], "arn:aws:s3:::a-trail-111122223333-us-east-1/*"],
  ]);
});

describe("with the configuration before", () => {
  const before = join(folder, "before.yaml");
  /** What is printed beyond the policy of the new configuration alone. */
  function addedFor(old: string, now: string): readonly Statement[] {
    writeFileSync(before, old);
    const plain = statementsOf(now, "--account", "111122223333", "a");
    const whole = statementsOf(now, "--account", "111122223333", "--before", before, "a");
    expect(whole.slice(0, plain.length)).toEqual(plain);
    return whole.slice(plain.length);
  }

  test("nothing is added where nothing is taken away", () => {
    expect(addedFor(A, A)).toEqual([]);
    expect(addedFor(A, `${A}outputs: { ssm: { prefix: /images } }\ntrigger: queue\n`)).toEqual([]);
  });

  test("an event source mapping of a trigger that goes is read and deleted, and not made", () => {
    const added = addedFor(A, `${A}trigger: lambda\n`);
    expect(added.map(({ Sid }) => Sid)).toEqual(["EventSourceMappingsBefore", "FeedFunctionBefore"]);
    expect(added[1]).toEqual({
      Sid: "FeedFunctionBefore",
      Effect: "Allow",
      Action: ["lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"],
      Resource: ["*"],
      Condition: {
        ArnEquals: { "lambda:FunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:a_start-build" },
      },
    });
  });

  test("repositories of services that go are read and deleted; of those that retire, they are not", () => {
    const two = A.replace("[api]", "[api, web]");
    expect(addedFor(two, `${A}retired: [web]\n`)).toEqual([]);
    expect(addedFor(two, A)).toEqual([
      {
        Sid: "RepositoriesBefore",
        Effect: "Allow",
        Action: [
          "ecr:DeleteLifecyclePolicy",
          "ecr:DeleteRepository",
          "ecr:DescribeRepositories",
          "ecr:GetLifecyclePolicy",
          "ecr:ListTagsForResource",
          "ecr:PutImageScanningConfiguration",
          "ecr:PutImageTagMutability",
          "ecr:PutLifecyclePolicy",
          "ecr:TagResource",
          "ecr:UntagResource",
        ],
        Resource: ["arn:aws:ecr:us-east-1:111122223333:repository/web"],
      },
    ]);
  });

  test("what may pull no longer is taken off repositories that stay", () => {
    expect(addedFor(`${A}repositories: { pullAccounts: ["444455556666"] }\n`, A)).toEqual([
      {
        Sid: "RepositoriesBefore",
        Effect: "Allow",
        Action: ["ecr:DeleteRepositoryPolicy", "ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy"],
        Resource: ["arn:aws:ecr:us-east-1:111122223333:repository/api"],
      },
    ]);
  });

  test("nobody is let to a key that goes", () => {
    const key = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000001";
    expect(addedFor(`${A}encryption: { kmsKey: "${key}" }\n`, A)).toEqual([
      {
        Sid: "UseKeysBefore",
        Effect: "Allow",
        Action: ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:RetireGrant"],
        Resource: [key],
      },
    ]);
  });

  test("parameters that go are deleted", () => {
    const added = addedFor(`${A}outputs: { ssm: { prefix: /images } }\n`, A);
    expect(added.map(({ Sid, Resource }) => [Sid, Resource])).toEqual([
      ["ParametersBefore", ["arn:aws:ssm:us-east-1:111122223333:parameter/images/*"]],
      ["EverythingBefore", ["*"]],
    ]);
    expect(added[0]?.Action).toContain("ssm:DeleteParameter");
  });

  test("a boundary that goes is taken off, and no role is made by the old rule", () => {
    const boundary = "arn:aws:iam::111122223333:policy/boundary";
    const bound = `${A}roles: { permissionBoundary: "${boundary}" }\n`;
    expect(addedFor(bound, A)).toEqual([
      {
        Sid: "UnboundRoles",
        Effect: "Allow",
        Action: "iam:DeleteRolePermissionsBoundary",
        Resource: "arn:aws:iam::111122223333:role/a_*",
        Condition: { StringEquals: { "iam:PermissionsBoundary": boundary } },
      },
    ]);
    expect(addedFor(A, bound)).toEqual([]);
  });

  test("a bucket that goes is deleted, and none of its name made", () => {
    const [buckets, ...rest] = addedFor(A, A.replace("a-drops", "a-more-drops"));
    expect(buckets).toMatchObject({ Sid: "BucketsBefore", Resource: ["arn:aws:s3:::a-drops"] });
    expect(buckets?.Action).toContain("s3:DeleteBucket");
    expect(buckets?.Action).not.toContain("s3:CreateBucket");
    expect(rest.map(({ Sid }) => Sid)).toEqual(["DropBucketBefore"]);
  });

  test("of a pipeline that is new, it is that of the pipeline; where all are, the file is the wrong one", () => {
    writeFileSync(before, A_B);
    const { code, out } = run(`${A}---\n${A_B}`, "--before", before);
    expect([code, Object.keys(JSON.parse(out) as object)]).toEqual([0, ["a", "a-b"]]);
    expect(run(A, "--before", before)).toEqual({
      code: 2,
      out: "",
      err: `--before must have a pipeline of the file, one of a; ${before} has a-b\n`,
    });
  });
});

describe("the state", () => {
  const stateStatements = (options: string) =>
    statementsOf(`${A}backend: { s3: { bucket: our-state, ${options} } }\n`, "a")
      .filter(({ Sid }) => /State|Unlock/.test(Sid))
      .map(({ Sid, Resource }) => [Sid, Resource]);
  const bucket = "arn:aws:s3:::our-state";

  test("with a role that writes it takes that role alone", () => {
    const role = "arn:aws:iam::111122223333:role/states";
    expect(stateStatements(`assumeRole: "${role}"`)).toEqual([["BecomeStateWriter", role]]);
  });

  test("without a lock file, and in workspaces, is just those objects", () => {
    expect(stateStatements("lockfile: false, workspaceKeyPrefix: teams")).toEqual([
      ["FindState", bucket],
      ["KeepState", [`${bucket}/a.tfstate`, `${bucket}/teams/*/a.tfstate`]],
    ]);
  });

  test.each([
    ["key/00000000-0000-0000-0000-000000000001", "key/00000000-0000-0000-0000-000000000001", undefined],
    ["alias/state", "key/*", { "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/state" } }],
  ])("is encrypted by %s", (named, resource, condition) => {
    const account = "arn:aws:kms:us-east-1:111122223333:";
    const backend = `backend: { s3: { bucket: our-state, kmsKey: "${account}${named}" } }\n`;
    expect(statementsOf(A + backend, "a").find(({ Sid }) => Sid === "EncryptState")).toEqual({
      Sid: "EncryptState",
      Effect: "Allow",
      Action: ["kms:Decrypt", "kms:GenerateDataKey"],
      Resource: `${account}${resource}`,
      ...(condition && { Condition: condition }),
    });
  });
});

test.each(["lambda", "topic", "{ eventbridge: { direct: true } }", "{ cloudtrail: { trail: true } }"])(
  "every type of resource is known with trigger %s",
  (trigger) => {
    const pulls = 'repositories: { pullAccounts: ["444455556666"] }\n';
    expect(run(`${A}trigger: ${trigger}\n${pulls}`, "a").code).toBe(0);
  },
);

test("without a name, one policy for each pipeline", () => {
  const { code, out } = run(`${A}---\n${A_B}`);
  expect(code).toBe(0);
  expect(Object.keys(JSON.parse(out) as object)).toEqual(["a", "a-b"]);
});

describe("a policy that does not fit a managed policy", () => {
  const withServices = (count: number, named = "service") =>
    A.replace("[api]", `[${Array.from({ length: count }, (_, index) => `${named}-${index + 1000}`).join(", ")}]`);
  interface Document {
    readonly Version: string;
    readonly Statement: readonly Statement[];
  }
  function documentsOf(yaml: string) {
    const { code, out, err } = run(yaml, "--account", "111122223333", "a");
    expect(code).toBe(0);
    const documents = JSON.parse(out) as readonly Document[];
    const lengths = documents.map((document) => JSON.stringify(document).length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(6144);
    return { documents, err, length: lengths.reduce((sum, each) => sum + each, 0) };
  }

  test.each([
    [60, 2, ", or all as inline policies of one role, which hold 10240 together"],
    [100, 3, ": inline policies of a role hold 10240 together"],
    [300, 5, ": inline policies of a role hold 10240 together"],
  ])("of %i services is a list of %i documents that do", (services, count, advice) => {
    const { documents, err, length } = documentsOf(withServices(services));
    expect(documents).toHaveLength(count);
    expect(err).toBe(
      `the policy for a has ${length} characters, a managed policy holds 6144: it is a list of ${count} documents; attach each as a managed policy, of which a role has 10 by default${advice}\n`,
    );
  });

  test("names one object of a state in each, where the longest keys of states want it", () => {
    const long = '"'.repeat(1000);
    const { documents } = documentsOf(
      `${A}backend: { s3: { bucket: our-state, key: '${long}s', workspaceKeyPrefix: '${long}w' } }\n`,
    );
    const statements = documents
      .flatMap(({ Statement }) => Statement)
      .map(({ Sid, Resource }) => [Sid, [Resource].flat().map((arn) => arn.replaceAll(long, "..."))] as const)
      .filter(([sid]) => /KeepState|Unlock/.test(sid));
    expect(Object.fromEntries(statements)).toEqual({
      KeepState: ["arn:aws:s3:::our-state/...s"],
      KeepState2: ["arn:aws:s3:::our-state/...w/*/...s"],
      KeepState3: ["arn:aws:s3:::our-state/...s.tflock"],
      KeepState4: ["arn:aws:s3:::our-state/...w/*/...s.tflock"],
      Unlock: ["arn:aws:s3:::our-state/...s.tflock"],
      Unlock2: ["arn:aws:s3:::our-state/...w/*/...s.tflock"],
    });
  });

  test("allows all of it, under names that differ", () => {
    const { documents } = documentsOf(withServices(100));
    const statements = documents.flatMap(({ Statement }) => Statement);
    const sids = statements.map(({ Sid }) => Sid);
    expect(new Set(sids).size).toBe(sids.length);
    const repositories = statements.filter(({ Sid }) => Sid.startsWith("Repositories"));
    expect(repositories.map(({ Sid }) => Sid)).toEqual(["Repositories", "Repositories2"]);
    expect(repositories.flatMap(({ Resource }) => Resource)).toEqual(
      Array.from(
        { length: 100 },
        (_, index) => `arn:aws:ecr:us-east-1:111122223333:repository/service-${index + 1000}`,
      ),
    );
    expect(repositories[1]?.Action).toEqual(repositories[0]?.Action);
    const plain = statementsOf(A, "--account", "111122223333", "a");
    const others = (each: readonly Statement[]) => each.filter(({ Sid }) => !Sid.startsWith("Repositories"));
    expect(others(statements).toSorted(bySid)).toEqual(others(plain).toSorted(bySid));
  });

  test("and takes more of them than a role has by default", () => {
    const { documents, err, length } = documentsOf(withServices(600, "s".repeat(45)));
    expect(err).toBe(
      `the policy for a has ${length} characters, a managed policy holds 6144: it is a list of ${documents.length} documents, more than the 10 managed policies that a role has by default: have that quota raised, or make several pipelines of it\n`,
    );
  });
});

const bySid = (a: Statement, b: Statement) => a.Sid.localeCompare(b.Sid);

test.each<[string[], number, string]>([
  [["c"], 2, "there is no pipeline c, the file has a\n"],
  [["a", "b"], 2, "expected one pipeline at most, got 2\n"],
  [["--account"], 2, "Option '--account <value>' argument missing; --help lists the options\n"],
  [["--account", "1", "a"], 2, "--account must be an account id of 12 digits, got: 1\n"],
])("%j is refused", (args, code, err) => {
  expect(run(A, ...args)).toEqual({ code, out: "", err });
});

test("a configuration that is wrong is told as by synth", () => {
  expect(run(A.replace("a-drops", "A"), "a")).toMatchObject({
    code: 1,
    out: "",
    err: expect.stringMatching(/^pipeline\.yaml:3:1 bucket: /) as unknown,
  });
});

import { parsePipeline } from "../../config/parse";
import { loadProblems, loadText, pipeline, problemsOf } from "./make";

const KEY = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000001";
const ROLE = "arn:aws:iam::111122223333:role/builds";
const VPC = { id: "vpc-01234567", subnets: ["subnet-01234567"], securityGroups: ["sg-01234567"] };
const BUCKET = { bucket: { existing: "our-tools" }, prefix: "tools/" };

const NOT_AWS_MANAGED =
  "must not be an AWS managed key, whose policy nobody can change, so that S3, SNS and EventBridge could not write: name a customer managed key, or leave the option out for keys that AWS owns";
const A_KEY =
  "must be the ARN of a KMS key by its id, such as arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

test("the host of a registry is no part of a repository's name", () => {
  const host = "111122223333.dkr.ecr.us-east-1.amazonaws.com";
  const rule = (name: string) =>
    `must be the name without the registry's host, ${name}; for another account's say { existing: ${name}, account: "111122223333" }`;
  expect(problemsOf(pipeline({ services: [{ name: "api", repository: { existing: `${host}/team/z` } }] }))).toEqual([
    `services[0].repository.existing: ${rule("team/z")}, got "${host}/team/z"`,
  ]);
  expect(problemsOf(pipeline({ defaults: { repository: { existing: `${host}/{service}` } } }))).toEqual([
    `defaults.repository.existing: ${rule("{service}")}, got "${host}/{service}"`,
  ]);
});

describe("is refused", () => {
  test.each<[string, object, string[]]>([
    [
      "an account of a bucket to create",
      { bucket: { name: "image-drops", account: "444455556666" } },
      [
        `bucket.account: must stand beside existing only: a bucket is created in the pipeline's account, got "444455556666"`,
      ],
    ],
    [
      "a key of a bucket to create",
      { bucket: { name: "image-drops", kmsKey: KEY } },
      [`bucket.kmsKey: must stand beside existing only: say encryption.kmsKey, got "${KEY}"`],
    ],
    [
      "an account as a number",
      { bucket: { existing: "drops", account: 444455556666 } },
      [`bucket.account: must be a string, got 444455556666`],
    ],
    [
      "a trail in the bucket's account",
      { bucket: { existing: "drops", account: "444455556666" }, trigger: "cloudtrail" },
      [
        `bucket.account: must not be another account's with trigger cloudtrail, whose events come to the bus of the bucket's account: take queue, topic or eventbridge, got "444455556666"`,
      ],
    ],
    [
      "AWS's key for SQS",
      { encryption: { kmsKey: "alias/aws/sqs" } },
      [`encryption.kmsKey: ${NOT_AWS_MANAGED}, got "alias/aws/sqs"`],
    ],
    [
      "AWS's key for S3 by its ARN",
      { encryption: { kmsKey: "arn:aws:kms:us-east-1:111122223333:alias/aws/s3" } },
      [`encryption.kmsKey: ${NOT_AWS_MANAGED}, got "arn:aws:kms:us-east-1:111122223333:alias/aws/s3"`],
    ],
    [
      "a key with more than an id",
      { encryption: { kmsKey: `${KEY}0` } },
      [`encryption.kmsKey: ${A_KEY}, got "${KEY}0"`],
    ],
    ["an alias", { encryption: { kmsKey: "alias/images" } }, [`encryption.kmsKey: ${A_KEY}, got "alias/images"`]],
    [
      "a key of another region",
      { encryption: { kmsKey: KEY.replace("us-east-1", "us-west-2") } },
      [
        `encryption.kmsKey: must be of the pipeline's region, us-east-1, got "arn:aws:kms:us-west-2:111122223333:key/00000000-0000-0000-0000-000000000001"`,
      ],
    ],
    [
      "a role of another partition",
      { region: "cn-north-1", roles: { builds: { existing: ROLE } } },
      [`roles.builds.existing: must be of the partition of cn-north-1, aws-cn, got "${ROLE}"`],
    ],
    [
      "a role of another account",
      { roles: { function: { existing: ROLE } }, provider: { allowedAccountIds: ["444455556666"] } },
      [
        `roles.function.existing: must be of the account that the pipeline is in; provider.allowedAccountIds has 444455556666, got "${ROLE}"`,
      ],
    ],
    ["roles of no kind", { roles: "mine" }, [`roles: must be one of own, shared, got "mine"`]],
    [
      "an underscore in the prefix of roles",
      { roles: { namePrefix: "corp_" } },
      [
        `roles.namePrefix: must be letters, digits and + = , . @ -; no underscore, which ends the pipeline's name in the names of roles, got "corp_"`,
      ],
    ],
    [
      "a prefix too long for the longest role",
      { roles: { namePrefix: "p".repeat(47) } },
      [
        `roles.namePrefix: must be at most 46 characters here, so that the role <namePrefix>images_start-build has at most 64, got "${"p".repeat(47)}"`,
      ],
    ],
    [
      "how to make roles that exist",
      { roles: { builds: { existing: ROLE }, function: { existing: ROLE }, path: "/a/", namePrefix: "x" } },
      ["path", "namePrefix"].map(
        (option) =>
          `roles.${option}: must not be given where both roles exist: it is for roles that the pipeline makes, got "${option === "path" ? "/a/" : "x"}"`,
      ),
    ],
    [
      "drops and tools in one bucket",
      { bucket: { existing: "our-tools" }, tools: BUCKET },
      [
        `tools.bucket.existing: must not be the bucket of the drops: whoever may write there could replace what builds run, got "our-tools"`,
      ],
    ],
    [
      "a tools bucket without a prefix",
      { tools: { bucket: { existing: "our-tools" } } },
      ["tools.prefix: is required"],
    ],
    [
      "a prefix without its slash",
      { tools: { ...BUCKET, prefix: "tools" } },
      [
        `tools.prefix: must be letters, digits and _ . - in folders, the last one with its slash, such as pipelines/images/, got "tools"`,
      ],
    ],
    [
      "a repository for all services",
      { defaults: { repository: { existing: "platform/api" } } },
      [
        `defaults.repository.existing: must hold {service}, so that each service has a repository of its own, got "platform/api"`,
      ],
    ],
    [
      "a repository's name that AWS refuses",
      { defaults: { repository: { existing: "Platform/{service}" } } },
      [
        `services[0].repository: must be lower-case letters and digits joined by single dots, hyphens, underscores and slashes, got "Platform/api"`,
      ],
    ],
    [
      "pulls where every repository exists",
      { defaults: { repository: { existing: "p/{service}" } }, repositories: { pullAccounts: ["444455556666"] } },
      [
        "repositories.pullAccounts: must not be given where every repository exists: who may pull there is its owner's to say",
      ],
    ],
    [
      "the function's log group without a function",
      { logs: { function: { existing: "logs" } }, trigger: { eventbridge: { direct: true } } },
      ["logs.function: must not be given with a trigger that has no function, such as eventbridge here: remove it"],
    ],
    [
      "the default bus by its name",
      { trigger: { eventbridge: { bus: "default" } } },
      [
        `trigger.eventbridge.bus: must not be default, the bus that rules stand on without the option: leave it out, got "default"`,
      ],
    ],
    [
      "a VPC without a way out",
      { vpc: VPC },
      [
        "vpc.endpoints: must name the endpoints s3, ecr.api, ecr.dkr, logs or have nat: true: without a way out, what runs in the VPC reaches AWS by VPC endpoints alone; make them in vpc-01234567 and list them here",
      ],
    ],
    [
      "a VPC whose function has no way out",
      { vpc: { ...VPC, function: true, endpoints: ["s3", "ecr.api", "logs"] } },
      [
        "vpc.endpoints: must name the endpoints ecr.dkr, codebuild or have nat: true: without a way out, what runs in the VPC reaches AWS by VPC endpoints alone; make them in vpc-01234567 and list them here",
      ],
    ],
    [
      "an endpoint that is none",
      { vpc: { ...VPC, endpoints: ["ecr.dkt"] } },
      [`vpc.endpoints[0]: must be one of s3, ecr.api, ecr.dkr, logs, codebuild (did you mean ecr.dkr?), got "ecr.dkt"`],
    ],
    [
      "Lambda compute in a VPC, once where it comes from defaults",
      { vpc: { ...VPC, nat: true }, defaults: { compute: { type: "BUILD_LAMBDA_1GB" } }, services: ["api", "web"] },
      [
        `defaults.compute.type: must not be Lambda compute beside vpc, where CodeBuild does not run it: take a BUILD_GENERAL1 type, or remove vpc, got "BUILD_LAMBDA_1GB"`,
      ],
    ],
    [
      "Lambda compute of a service in a VPC",
      { vpc: { ...VPC, nat: true }, services: ["api", { name: "web", compute: { type: "BUILD_LAMBDA_1GB" } }] },
      [
        `services[1].compute.type: must not be Lambda compute beside vpc, where CodeBuild does not run it: take a BUILD_GENERAL1 type, or remove vpc, got "BUILD_LAMBDA_1GB"`,
      ],
    ],
    [
      "an image of ECR Public in China",
      { region: "cn-north-1", defaults: { compute: { image: "public.ecr.aws/docker/library/node:22" } } },
      [
        `defaults.compute.image: must not be an image of ECR Public in cn-north-1, which does not have it: copy it to a repository of your account and name that, got "public.ecr.aws/docker/library/node:22"`,
      ],
    ],
    [
      "a function in a VPC where there is none",
      { vpc: { ...VPC, nat: true, function: true }, trigger: { eventbridge: { direct: true } } },
      ["vpc.function: must not be true with a trigger that has no function: remove it, got true"],
    ],
  ])("%s", (_, options, problems) => {
    expect(problemsOf(pipeline(options as Record<string, unknown>))).toEqual(problems);
  });

  test("with its line, be it the file's only mistake or one of several", () => {
    const text = `name: images
region: us-east-1
bucket:
  existing: drops
  account: "44445555666"
vpc:
  id: vpc-01234567
  subnets: [subnet-01234567]
  securityGroups: [sg-01234567]
  endpoints: [s3]
encryption:
  kmsKey: alias/aws/sns
services: [api]
`;
    expect(loadProblems(text)).toEqual([
      `pipeline.yaml:5:3 bucket.account: must be an account id: 12 digits, in quotes, got "44445555666"`,
      `pipeline.yaml:12:3 encryption.kmsKey: ${NOT_AWS_MANAGED}, got "alias/aws/sns"`,
    ]);
    const rest = text.replace('"44445555666"', '"444455556666"').replace("alias/aws/sns", KEY);
    expect(loadProblems(rest)).toEqual([
      "pipeline.yaml:10:3 vpc.endpoints: must name the endpoints ecr.api, ecr.dkr, logs or have nat: true: without a way out, what runs in the VPC reaches AWS by VPC endpoints alone; make them in vpc-01234567 and list them here",
    ]);
  });
});

describe("is accepted", () => {
  test.each<[string, object]>([
    ["a VPC with NAT and no endpoints", { vpc: { ...VPC, nat: true } }],
    ["a VPC with the endpoints that builds need", { vpc: { ...VPC, endpoints: ["s3", "ecr.api", "ecr.dkr", "logs"] } }],
    ["an image of ECR Public elsewhere", { defaults: { compute: { image: "public.ecr.aws/docker/library/node:22" } } }],
    ["a prefix of the greatest length", { roles: { namePrefix: "p".repeat(46) } }],
    ["a key of several regions", { encryption: { kmsKey: KEY.replace("key/", "key/mrk-") } }],
    ["AWS's own policy as the boundary", { roles: { permissionBoundary: "arn:aws:iam::aws:policy/PowerUserAccess" } }],
    [
      "one repository's name in two accounts",
      {
        services: [
          { name: "api", repository: { existing: "api" } },
          { name: "web", repository: { existing: "api", account: "444455556666" } },
        ],
      },
    ],
  ])("%s", (_, options) => {
    expect(problemsOf(pipeline(options as Record<string, unknown>))).toEqual([]);
  });
});

describe("defaults", () => {
  test("a service's repository goes before that of defaults, and that before the prefix", () => {
    const { services } = parsePipeline({
      ...pipeline(),
      repositories: { prefix: "team/" },
      defaults: { repository: { existing: "platform/{service}", account: "444455556666" } },
      services: ["api", { name: "web", repository: "web-v2" }, { name: "job", repository: { existing: "jobs" } }],
    });
    expect(
      services.map(({ name, repository, existingRepository, registryAccount }) => [
        name,
        repository,
        existingRepository,
        registryAccount,
      ]),
    ).toEqual([
      ["api", "platform/api", true, "444455556666"],
      ["job", "jobs", true, undefined],
      ["web", "web-v2", false, undefined],
    ]);
  });
});

describe("two pipelines of a file", () => {
  const file = (first: string, second: string) =>
    `name: images\nregion: us-east-1\nbucket: drops-a\nservices: [api]\n${first}---\nregion: us-east-1\nbucket: drops-b\nrepositories: { prefix: b/ }\nservices: [api]\n${second}`;

  test("must not begin the names of their roles alike, however prefix and name are divided", () => {
    expect(loadProblems(file("roles: { namePrefix: corp- }\n", "name: corp-images\n"))).toEqual([
      `pipeline.yaml:7:1 roles.namePrefix: must not be the beginning of role names of pipeline images too, got "corp-images_"`,
    ]);
    expect(loadProblems(file("roles: { namePrefix: corp- }\n", "name: corp\n"))).toEqual([]);
  });

  test("must not share a place of their tools", () => {
    const tools = "tools: { bucket: { existing: our-tools }, prefix: a/ }\n";
    expect(loadProblems(file(tools, `name: other\n${tools}`))).toEqual([
      `pipeline.yaml:12:43 tools.prefix: must not be the prefix of pipeline images too, got "a/"`,
    ]);
    expect(loadProblems(file(tools, `name: other\n${tools.replace("a/", "b/")}`))).toEqual([]);
  });
});

test("what others have to attach is told when the file is read", () => {
  const { warnings } = loadText(`name: images
region: us-east-1
bucket: { existing: drops, account: "444455556666" }
trigger: { eventbridge: { bus: storage } }
roles: { builds: { existing: ${ROLE} } }
encryption: { kmsKey: ${KEY} }
tools: { bucket: { existing: our-tools }, prefix: a/ }
services: [{ name: api, repository: { existing: api, account: "444455556666" } }]
`);
  const told = warnings.map((warning) => warning.replace(/^.*?:(\d+:\d+) /, "$1 "));
  expect(told).toEqual([
    "3:11 bucket.existing: is taken as it is: its owner must add eventbridge = true to its aws_s3_bucket_notification, once for everybody",
    "3:28 bucket.account: is another account: its bucket policy must let builds read, see the output for_others",
    "4:27 trigger.eventbridge.bus: gets no events of S3 by itself: a rule on the default bus of the bucket's account must forward them, see the output for_others",
    "5:20 roles.builds.existing: is taken as it is: what it must be allowed, and whom it must trust, is in the output for_others",
    "6:15 encryption.kmsKey: is taken as it is: the policy of key/00000000-0000-0000-0000-000000000001 must let the pipeline use it, see the output for_others",
    "7:20 tools.bucket.existing: is taken as it is: it must keep versions, or the apply stops",
    "8:1 services: has repositories of another account: their policies must let builds push, see the output for_others",
  ]);
});

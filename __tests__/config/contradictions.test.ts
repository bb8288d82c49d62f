import { loadProblems } from "./make";

const VPC = "vpc: { id: vpc-01234567, subnets: [subnet-01234567], securityGroups: [sg-01234567]";
const BY_LAMBDA = "  compute: { type: BUILD_LAMBDA_1GB }";
const NO_ECR_PUBLIC =
  "must not be an image of ECR Public in cn-north-1, which does not have it: copy it to a repository of your account and name that";
const NOT_AWS_MANAGED =
  "must not be an AWS managed key, whose policy nobody can change, so that S3, SNS and EventBridge could not write: name a customer managed key, or leave the option out for keys that AWS owns";

/** Options that are right by themselves and not beside each other: lines of a file, and what is said of them. */
test.each<[what: string, lines: readonly string[], problem: string]>([
  [
    "own notifications on a bucket of another state",
    ["region: us-east-1", "bucket: { existing: shared-drops, notifications: own }"],
    '4:35 bucket.notifications: must not be own for an existing bucket, where it would remove everyone else\'s notifications: take none with trigger eventbridge or topic, or adopt, which keeps them, got "own"',
  ],
  [
    "adopted notifications where commits start the runs",
    [
      "region: us-east-1",
      "bucket: { existing: shared-drops, notifications: adopt }",
      "backend: { cloud: { organization: acme, vcs: true } }",
    ],
    '4:35 bucket.notifications: must not stand beside backend.cloud.vcs, where nothing compares the plan with the bucket before the apply: take none with trigger eventbridge, or vcs: false, got "adopt"',
  ],
  [
    "a lock file beside cloud",
    ["region: us-east-1", "bucket: drops", "backend: { cloud: { organization: acme, lockfile: true } }"],
    "5:41 backend.cloud.lockfile: must not stand beside cloud, which locks its workspaces itself: leave it out, got true",
  ],
  [
    "a state in another partition",
    ["region: cn-north-1", "bucket: drops", "backend: { s3: { bucket: states, region: us-east-1 } }"],
    '5:34 backend.s3.region: must be of the partition of cn-north-1, aws-cn, whose credentials are none elsewhere; name a profile for a state that lies there, got "us-east-1"',
  ],
  [
    "a state that a role of another partition reads",
    [
      "region: cn-north-1",
      "bucket: drops",
      "backend: { s3: { bucket: states, assumeRole: 'arn:aws:iam::111122223333:role/states' } }",
    ],
    '5:34 backend.s3.assumeRole: must be of the partition of cn-north-1, aws-cn, got "arn:aws:iam::111122223333:role/states"',
  ],
  [
    "a VPC without endpoints and without NAT",
    ["region: us-east-1", "bucket: drops", `${VPC} }`],
    "5:1 vpc.endpoints: must name the endpoints s3, ecr.api, ecr.dkr, logs or have nat: true: without a way out, what runs in the VPC reaches AWS by VPC endpoints alone; make them in vpc-01234567 and list them here",
  ],
  [
    "Lambda compute in a VPC",
    ["region: us-east-1", "bucket: drops", `${VPC}, nat: true }`, "defaults:", BY_LAMBDA],
    '7:14 defaults.compute.type: must not be Lambda compute beside vpc, where CodeBuild does not run it: take a BUILD_GENERAL1 type, or remove vpc, got "BUILD_LAMBDA_1GB"',
  ],
  [
    "Lambda compute in China",
    ["region: cn-north-1", "bucket: drops", "defaults:", BY_LAMBDA],
    '6:14 defaults.compute.type: must not be Lambda compute in cn-north-1, where CodeBuild does not offer it: take a BUILD_GENERAL1 type, got "BUILD_LAMBDA_1GB"',
  ],
  [
    "an image of ECR Public in China",
    ["region: cn-north-1", "bucket: drops", "defaults:", "  compute: { image: public.ecr.aws/docker/library/node:22 }"],
    `6:14 defaults.compute.image: ${NO_ECR_PUBLIC}, got "public.ecr.aws/docker/library/node:22"`,
  ],
  ...["sqs", "sns", "s3"].map((service): [string, string[], string] => [
    `the key that AWS manages for ${service}`,
    ["region: us-east-1", "bucket: drops", "encryption:", `  kmsKey: alias/aws/${service}`],
    `6:3 encryption.kmsKey: ${NOT_AWS_MANAGED}, got "alias/aws/${service}"`,
  ]),
])("%s is refused, with its place and the remedy", (_, lines, problem) => {
  expect(loadProblems(["name: images", "services: [api]", ...lines].join("\n"))).toEqual([`pipeline.yaml:${problem}`]);
});

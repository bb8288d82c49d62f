import { readFileSync } from "node:fs";
import { join } from "node:path";
import { privateRepository } from "../../config/compute";
import { parsePipeline } from "../../config/parse";
import { loadProblems, loadText, pipeline, problemsOf, service } from "./make";

const X86 = "aws/codebuild/amazonlinux-x86_64-standard:5.0";
const ARM = "aws/codebuild/amazonlinux-aarch64-standard:3.0";
const X86_LAMBDA = "aws/codebuild/amazonlinux-x86_64-lambda-standard:nodejs22";
const ARM_LAMBDA = "aws/codebuild/amazonlinux-aarch64-lambda-standard:nodejs22";
const LAMBDA = { type: "BUILD_LAMBDA_1GB" } as const;

test("every example of the documentation is accepted", () => {
  const page = readFileSync(join(__dirname, "..", "..", "docs", "compute.md"), "utf8");
  const examples = [...page.matchAll(/```yaml\n([^`]*)```/g)].map(([, yaml = ""]) => yaml);
  expect(examples).toHaveLength(4);
  for (const yaml of examples) {
    const services = yaml.includes("services:") ? "" : "services: [api]\n";
    expect(loadProblems(`name: images\nregion: us-east-1\nbucket: drops\n${yaml}${services}`)).toEqual([]);
  }
});

describe("type and architecture choose environment and image", () => {
  test.each([
    [{}, "BUILD_GENERAL1_SMALL", "x86_64", "LINUX_CONTAINER", X86],
    [{ architecture: "arm64" }, "BUILD_GENERAL1_SMALL", "arm64", "ARM_CONTAINER", ARM],
    [LAMBDA, "BUILD_LAMBDA_1GB", "x86_64", "LINUX_LAMBDA_CONTAINER", X86_LAMBDA],
    [{ ...LAMBDA, architecture: "arm64" }, "BUILD_LAMBDA_1GB", "arm64", "ARM_LAMBDA_CONTAINER", ARM_LAMBDA],
    [{ ...LAMBDA, image: "node:22" }, "BUILD_LAMBDA_1GB", "x86_64", "LINUX_LAMBDA_CONTAINER", "node:22"],
  ] as const)("%j", (compute, type, architecture, environmentType, image) => {
    expect(parsePipeline(service({ compute })).services[0]?.compute).toStrictEqual({
      type,
      architecture,
      image,
      environmentType,
    });
  });

  test("each of the three falls back to defaults by itself", () => {
    const { services } = parsePipeline(
      pipeline({
        defaults: { compute: { type: "BUILD_LAMBDA_2GB", architecture: "arm64" } },
        services: ["a1", { name: "a2", compute: { type: "BUILD_GENERAL1_LARGE" } }],
      }),
    );
    expect(services.map(({ compute }) => compute)).toStrictEqual([
      {
        type: "BUILD_LAMBDA_2GB",
        architecture: "arm64",
        image: ARM_LAMBDA,
        environmentType: "ARM_LAMBDA_CONTAINER",
      },
      { type: "BUILD_GENERAL1_LARGE", architecture: "arm64", image: ARM, environmentType: "ARM_CONTAINER" },
    ]);
  });

  test("on Lambda compute a build has 15 minutes, and no time to wait", () => {
    const [api] = parsePipeline(service({ compute: LAMBDA })).services;
    expect(api?.buildTimeout).toBe(15);
    expect(api).not.toHaveProperty("queuedTimeout");
  });
});

describe("an image of CodeBuild's own", () => {
  test.each([
    [
      { image: ARM },
      `${ARM} is an image for arm64 on EC2, type BUILD_GENERAL1_SMALL with architecture x86_64 needs one for x86_64 on EC2, such as ${X86}`,
    ],
    [
      { architecture: "arm64", image: "aws/codebuild/standard:7.0" },
      `aws/codebuild/standard:7.0 is an image for x86_64 on EC2, type BUILD_GENERAL1_SMALL with architecture arm64 needs one for arm64 on EC2, such as ${ARM}`,
    ],
    [
      { image: X86_LAMBDA },
      `${X86_LAMBDA} is an image for x86_64 on Lambda, type BUILD_GENERAL1_SMALL with architecture x86_64 needs one for x86_64 on EC2, such as ${X86}`,
    ],
    [
      { ...LAMBDA, image: X86 },
      `${X86} is an image for x86_64 on EC2, type BUILD_LAMBDA_1GB with architecture x86_64 needs one for x86_64 on Lambda, such as ${X86_LAMBDA}`,
    ],
    [
      { ...LAMBDA, architecture: "arm64", image: X86_LAMBDA },
      `${X86_LAMBDA} is an image for x86_64 on Lambda, type BUILD_LAMBDA_1GB with architecture arm64 needs one for arm64 on Lambda, such as ${ARM_LAMBDA}`,
    ],
  ])("that does not fit: %j", (compute, rule) => {
    expect(problemsOf(service({ compute }))).toEqual([`services[0].compute.image: must go together: ${rule}`]);
  });

  test.each([
    [{ image: "aws/codebuild/standard:7.0" }],
    [{ architecture: "arm64", image: "aws/codebuild/amazonlinux2-aarch64-standard:3.0" }],
    [{ ...LAMBDA, image: "aws/codebuild/amazonlinux-x86_64-lambda-standard:python3.13" }],
    [{ ...LAMBDA, architecture: "arm64", image: ARM_LAMBDA }],
    [{ ...LAMBDA, architecture: "arm64", image: "registry.example/x86_64-tools:1" }],
  ])("that fits, or another's: %j", (compute) => {
    expect(problemsOf(service({ compute }))).toEqual([]);
  });

  test("of defaults: found once there, and in the services that chose another machine", () => {
    const text = `name: images
region: us-east-1
bucket: image-drops
defaults:
  compute:
    image: ${X86}
    architecture: arm64
services:
  - api
  - job
  - name: web
    compute: { architecture: x86_64 }
  - name: zip
    compute: { type: BUILD_LAMBDA_1GB, architecture: x86_64 }
`;
    expect(loadProblems(text)).toEqual([
      `pipeline.yaml:6:5 defaults.compute.image: must go together: ${X86} is an image for x86_64 on EC2, type BUILD_GENERAL1_SMALL with architecture arm64 needs one for arm64 on EC2, such as ${ARM}`,
      `pipeline.yaml:14:5 services[3].compute: must go together: ${X86} is an image for x86_64 on EC2, type BUILD_LAMBDA_1GB with architecture x86_64 needs one for x86_64 on Lambda, such as ${X86_LAMBDA}`,
    ]);
  });
});

describe("Lambda compute lacks", () => {
  const DOCKER =
    "must not be Lambda compute with publisher docker, which needs privileged mode: take a BUILD_GENERAL1 type, or publisher stream";

  test("the privileged mode of publisher docker", () => {
    expect(problemsOf(pipeline({ ...service({ compute: LAMBDA }), publisher: "docker" }))).toEqual([
      `services[0].compute.type: ${DOCKER}, got "BUILD_LAMBDA_1GB"`,
    ]);
    expect(
      problemsOf(pipeline({ publisher: "docker", defaults: { compute: LAMBDA }, services: ["ab", "cd"] })),
    ).toEqual([`defaults.compute.type: ${DOCKER}, got "BUILD_LAMBDA_1GB"`]);
  });

  test("publisher docker does not need it on arm64", () => {
    expect(problemsOf(pipeline({ publisher: "docker", defaults: { compute: { architecture: "arm64" } } }))).toEqual([]);
  });

  test.each(["cn-north-1", "cn-northwest-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1"])(
    "the region %s",
    (region) => {
      expect(problemsOf(pipeline({ ...service({ compute: LAMBDA }), region }))).toEqual([
        `services[0].compute.type: must not be Lambda compute in ${region}, where CodeBuild does not offer it: take a BUILD_GENERAL1 type, got "BUILD_LAMBDA_1GB"`,
      ]);
      expect(problemsOf(pipeline({ ...service({ compute: { architecture: "arm64" } }), region }))).toEqual([]);
    },
  );

  test("timeouts of one's own", () => {
    expect(problemsOf(service({ compute: LAMBDA, buildTimeout: 15, queuedTimeout: 480 }))).toEqual([
      "services[0].buildTimeout: must not be given for Lambda compute, where every build has 15 minutes: remove it, or take a BUILD_GENERAL1 type, got 15",
      "services[0].queuedTimeout: must not be given for Lambda compute, where no build waits for a machine: remove it, or take a BUILD_GENERAL1 type, got 480",
    ]);
  });

  test("timeouts of defaults, which are refused where no service is left that could take them", () => {
    const defaults = { buildTimeout: 60, queuedTimeout: 60 };
    const services = [{ name: "api", compute: LAMBDA }, "web"];
    expect(problemsOf(pipeline({ defaults, services }))).toEqual([]);
    expect(parsePipeline(pipeline({ defaults, services })).services.map((one) => one.buildTimeout)).toEqual([15, 60]);
    expect(problemsOf(pipeline({ defaults, services: services.slice(0, 1) }))).toEqual([
      "defaults.buildTimeout: must not be given for Lambda compute, where every build has 15 minutes: remove it, or take a BUILD_GENERAL1 type, got 60",
      "defaults.queuedTimeout: must not be given for Lambda compute, where no build waits for a machine: remove it, or take a BUILD_GENERAL1 type, got 60",
    ]);
  });

  test("the time to wait long for an upload", () => {
    const waiting = (maxWait?: number) =>
      problemsOf(
        pipeline({
          ...service({ compute: LAMBDA }),
          trigger: { cloudtrail: maxWait === undefined ? {} : { maxWait } },
        }),
      );
    const rule =
      "trigger.cloudtrail.maxWait: must be at least 5 minutes below every buildTimeout, that of api is 15 on Lambda compute: lower maxWait or take a BUILD_GENERAL1 type for it";
    expect(waiting(10)).toEqual([]);
    expect(waiting(11)).toEqual([`${rule}, got 11`]);
    expect(waiting()).toEqual([`${rule}, got 20`]);
  });
});

describe("a region that was not known to offer Lambda compute", () => {
  const warnings = (region: string, compute: string) =>
    loadText(`name: images\nregion: ${region}\nbucket: drops\nservices: [{ name: api, compute: ${compute} }]\n`)
      .warnings;

  test("is a warning", () => {
    expect(warnings("eu-north-1", "{ type: BUILD_LAMBDA_1GB }")).toEqual([
      expect.stringMatching(
        /pipeline\.yaml:2:1 region: must offer Lambda compute for CodeBuild, on which api builds; when this was written, only ap-northeast-1, ap-south-1, ap-southeast-1, ap-southeast-2, eu-central-1, eu-west-1, sa-east-1, us-east-1, us-east-2, us-west-2 did, got "eu-north-1"$/,
      ),
    ]);
  });

  test("is none where it is known, or where nobody asks for it", () => {
    expect(warnings("eu-west-1", "{ type: BUILD_LAMBDA_1GB }")).toEqual([]);
    expect(warnings("eu-north-1", "{ architecture: arm64 }")).toEqual([]);
  });
});

describe("an image in private ECR", () => {
  const HOST = "777788889999.dkr.ecr.cn-north-1.amazonaws.com.cn";
  const DIGEST = `sha256:${"0".repeat(64)}`;

  test.each(["", ":22", `@${DIGEST}`, `:22@${DIGEST}`])("tells its repository: team/node%s", (version) => {
    expect(privateRepository({ image: `${HOST}/team/node${version}` })).toStrictEqual({
      url: `${HOST}/team/node`,
      account: "777788889999",
      region: "cn-north-1",
      repository: "team/node",
    });
  });

  test.each([
    X86,
    "public.ecr.aws/docker/library/node:22",
    "node:22",
    "registry.example/node:22",
    // Of no account.
    "77778888999.dkr.ecr.us-east-1.amazonaws.com/node:22",
    // Through another registry.
    "mirror.example/777788889999.dkr.ecr.us-east-1.amazonaws.com/node:22",
    // Without a repository.
    "777788889999.dkr.ecr.us-east-1.amazonaws.com",
  ])("is none: %s", (image) => {
    expect(privateRepository({ image })).toBeUndefined();
  });
});

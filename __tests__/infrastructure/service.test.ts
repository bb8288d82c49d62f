import type { PipelineInput } from "../../config/schema";
import { ACCOUNTS, synthesise } from "../support/synthesis";

type Service = Exclude<PipelineInput["services"][number], string>;

const plain = synthesise();

describe("the project", () => {
  test("of a service that has a name alone", () => {
    const { environment, source, ...project } = plain.resource("aws_codebuild_project");
    expect(project).toStrictEqual({
      name: "images_api",
      description: "Publishes the drops of api, a service of pipeline images",
      service_role: "arn:aws:iam::111122223333:role/images_api_build",
      artifacts: { type: "NO_ARTIFACTS" },
      logs_config: { cloudwatch_logs: { group_name: "/aws/codebuild/images_builds", stream_name: "api" } },
      build_timeout: 30,
      queued_timeout: 480,
      source_version: "version-id-of-publish-image.zip",
    });
    expect(environment).toStrictEqual({
      type: "LINUX_CONTAINER",
      compute_type: "BUILD_GENERAL1_SMALL",
      image: "aws/codebuild/amazonlinux-x86_64-standard:5.0",
      privileged_mode: false,
      environment_variable: [
        { name: "ARCHIVE_PATH", value: "image/api" },
        { name: "ECS_SOURCE", value: "111122223333.dkr.ecr.us-east-1.amazonaws.com" },
        { name: "IMAGE_REPO_NAME", value: "api" },
        { name: "MOVING_TAGS", value: "staging" },
        { name: "SERVICE_NAME", value: "api" },
        { name: "TAG_PATTERN", value: "^[0-9a-f]{7,40}$" },
      ],
    });
    expect(source).toStrictEqual({
      type: "S3",
      location: "images-tools-111122223333-us-east-1/publish-image.zip",
      buildspec: "buildspec.yml",
    });
  });

  test("of a service that says everything", () => {
    const { environment, ...project } = projectOf({
      name: "api",
      archive: "out/api.tar",
      repository: "team/api-v2",
      sourceAccount: "210987654321",
      tag: "^v[0-9]+$",
      movingTags: ["staging", "latest"],
      compute: { type: "BUILD_GENERAL1_LARGE", image: "registry.example/node:22" },
      buildTimeout: 5,
      queuedTimeout: 6,
      environment: { ZONE: "z", LEVEL: "debug" },
    });
    expect(project).toMatchObject({ build_timeout: 5, queued_timeout: 6 });
    expect(environment).toMatchObject({
      compute_type: "BUILD_GENERAL1_LARGE",
      image: "registry.example/node:22",
      environment_variable: [
        { name: "ARCHIVE_PATH", value: "out/api.tar" },
        { name: "ECS_SOURCE", value: "111122223333.dkr.ecr.us-east-1.amazonaws.com" },
        { name: "IMAGE_REPO_NAME", value: "team/api-v2" },
        { name: "LEVEL", value: "debug" },
        { name: "MOVING_TAGS", value: "staging latest" },
        { name: "SERVICE_NAME", value: "api" },
        { name: "SOURCE_ACCOUNT", value: "210987654321" },
        { name: "TAG_PATTERN", value: "^v[0-9]+$" },
        { name: "ZONE", value: "z" },
      ],
    });
  });

  test.each([
    [{ type: "BUILD_GENERAL1_2XLARGE" }, "LINUX_CONTAINER", "amazonlinux-x86_64-standard:5.0", true],
    [{ architecture: "arm64" }, "ARM_CONTAINER", "amazonlinux-aarch64-standard:3.0", true],
    [{ type: "BUILD_LAMBDA_1GB" }, "LINUX_LAMBDA_CONTAINER", "amazonlinux-x86_64-lambda-standard:nodejs22", false],
    [
      { type: "BUILD_LAMBDA_10GB", architecture: "arm64" },
      "ARM_LAMBDA_CONTAINER",
      "amazonlinux-aarch64-lambda-standard:nodejs22",
      false,
    ],
  ] as const)(
    "of compute %j: its environment, its image, and whether it takes timeouts",
    (compute, type, image, takes) => {
      const { environment, ...project } = projectOf({ name: "api", compute });
      expect(environment).toMatchObject({
        type,
        compute_type: "type" in compute ? compute.type : "BUILD_GENERAL1_SMALL",
        image: `aws/codebuild/${image}`,
        privileged_mode: false,
      });
      expect(["build_timeout", "queued_timeout"].map((option) => option in project)).toStrictEqual([takes, takes]);
    },
  );

  test("tells the publisher what it does not do by itself, and nothing else", () => {
    const said: Partial<Service> = {
      compression: "zstd",
      reuse: false,
      platform: "linux/arm64",
      attestations: "drop",
      mountFrom: ["team/base", "base"],
      limits: { archive: "100GiB", layer: 1_000_000, ratio: 2.5 },
    };
    const told = {
      COMPRESSION: "zstd",
      REUSE: "off",
      PLATFORM: "linux/arm64",
      ATTESTATIONS: "drop",
      MOUNT_FROM: "base team/base",
      MAX_ARCHIVE_BYTES: "107374182400",
      MAX_LAYER_BYTES: "1000000",
      MAX_RATIO: "2.5",
    };
    const plainly = variablesOf({ name: "api" });
    expect(variablesOf({ name: "api", ...said })).toStrictEqual({ ...plainly, ...told });
    const byItself: Partial<Service> = {
      compression: "gzip",
      reuse: true,
      platform: "all",
      attestations: "keep",
      mountFrom: ["api"],
      limits: {},
    };
    expect(variablesOf({ name: "api", ...byItself })).toStrictEqual(plainly);
  });

  test("has no MOVING_TAGS where there are none", () => {
    expect(variablesOf({ name: "api", movingTags: [] })).not.toHaveProperty("MOVING_TAGS");
  });

  test("gets values that look like Terraform's templates as they are written", () => {
    const written = {
      name: "api",
      tag: "^v%{2}$",
      archive: "image/${api}",
      environment: { HOME_OF: "${HOME}", TWICE: "$${X}" },
    };
    expect(variablesOf(written)).toMatchObject({
      TAG_PATTERN: "^v%{2}$",
      ARCHIVE_PATH: "image/${api}",
      HOME_OF: "${HOME}",
      TWICE: "$${X}",
    });
    expect(synthesise({ services: [written] }).text).toContain('"value":"$${HOME}"');
  });

  test("is made after its role may do what builds do", () => {
    expect(plain.dependencies("aws_codebuild_project")).toStrictEqual([
      "aws_iam_role_policy images/pipeline/services/api/build/policy",
    ]);
    expect(synthesise({ roles: "shared" }).dependencies("aws_codebuild_project")).toStrictEqual([
      "aws_iam_role_policy images/pipeline/build/policy",
    ]);
  });

  test.each(ACCOUNTS)("finds the registry of $region under $suffix", ({ region, suffix }) => {
    const { environment } = synthesise({ region }).resource("aws_codebuild_project");
    expect(JSON.stringify(environment)).toContain(`"111122223333.dkr.ecr.${region}.${suffix}"`);
  });
});

describe("the repository", () => {
  test("is scanned, encrypted, never deleted with images in it, and carries the pipeline's name", () => {
    expect(plain.resource("aws_ecr_repository")).toStrictEqual({
      name: "api",
      image_tag_mutability: "MUTABLE",
      image_scanning_configuration: { scan_on_push: true },
      encryption_configuration: [{ encryption_type: "AES256" }],
      force_delete: false,
      lifecycle: { prevent_destroy: true },
      tags: { "s3-codebuild-trigger:pipeline": "images" },
    });
  });

  test.each([
    [">= 5.100.0, < 7.0.0", ["staging"], "MUTABLE", undefined],
    [">= 6.7.9, < 7.0.0", ["staging"], "MUTABLE", undefined],
    [">= 5.100.0, < 7.0.0", [], "IMMUTABLE", undefined],
    [">= 6.8.0, < 7.0.0", ["staging", "latest"], "IMMUTABLE_WITH_EXCLUSION", [exclude("staging"), exclude("latest")]],
    [">= 6.9.0, < 7.0.0", [], "IMMUTABLE", undefined],
  ])("of provider %s with moving tags %j is %s", (providerVersion, movingTags, mutability, filters) => {
    const repository = synthesise({ providerVersion, services: [{ name: "api", movingTags }] }).resource(
      "aws_ecr_repository",
    );
    expect(repository.image_tag_mutability).toBe(mutability);
    expect(repository.image_tag_mutability_exclusion_filter).toStrictEqual(filters);
  });

  test("is not scanned where that is not wanted", () => {
    const { image_scanning_configuration } = synthesise({ repositories: { scanOnPush: false } }).resource(
      "aws_ecr_repository",
    );
    expect(image_scanning_configuration).toStrictEqual({ scan_on_push: false });
  });
});

describe("the lifecycle policy", () => {
  test("first keeps what each moving tag points to, then expires what has no tag", () => {
    expect(lifecycleOf({ services: [{ name: "api", movingTags: ["staging", "latest"] }] })).toStrictEqual([
      keeps("staging", 1),
      keeps("latest", 2),
      {
        rulePriority: 3,
        description: "Expire untagged images 14 days after their push",
        selection: { tagStatus: "untagged", countType: "sinceImagePushed", countUnit: "days", countNumber: 14 },
        action: { type: "expire" },
      },
    ]);
  });

  test("counts the newest images last, where there is a number to keep", () => {
    expect(lifecycleOf({ repositories: { keep: 50, untaggedExpireAfterDays: 1 } })).toStrictEqual([
      keeps("staging", 1),
      {
        rulePriority: 2,
        description: "Expire untagged images 1 days after their push",
        selection: { tagStatus: "untagged", countType: "sinceImagePushed", countUnit: "days", countNumber: 1 },
        action: { type: "expire" },
      },
      {
        rulePriority: 3,
        description: "Keep the newest 50 images",
        selection: { tagStatus: "tagged", tagPatternList: ["*"], countType: "imageCountMoreThan", countNumber: 50 },
        action: { type: "expire" },
      },
    ]);
  });
});

function projectOf(service: Service) {
  return synthesise({ services: [service] }).resource("aws_codebuild_project");
}

function variablesOf(service: Service): Record<string, string> {
  const { environment_variable } = projectOf(service).environment as {
    environment_variable: { name: string; value: string }[];
  };
  return Object.fromEntries(environment_variable.map(({ name, value }) => [name, value]));
}

function lifecycleOf(changes: Partial<PipelineInput>): unknown {
  const { policy } = synthesise(changes).resource("aws_ecr_lifecycle_policy");
  return (JSON.parse(policy as string) as { rules: unknown }).rules;
}

function keeps(tag: string, rulePriority: number) {
  return {
    rulePriority,
    description: `Keep what ${tag} points to`,
    selection: { tagStatus: "tagged", tagPatternList: [tag], countType: "imageCountMoreThan", countNumber: 1 },
    action: { type: "expire" },
  };
}

function exclude(filter: string) {
  return { filter, filter_type: "WILDCARD" };
}

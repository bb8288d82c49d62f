import { ACCOUNTS, synthesise } from "../support/synthesis";

// What is packed counts here, not that it is compressed: that takes longer than all else.
jest.mock("fflate", () => {
  const fflate = jest.requireActual<typeof import("fflate")>("fflate");
  const zipSync: typeof fflate.zipSync = (files, options) => fflate.zipSync(files, { ...options, level: 0 });
  return { ...fflate, zipSync };
});

describe("the terraform block", () => {
  const AWS = { source: "hashicorp/aws", version: ">= 5.100.0, < 7.0.0" };
  const ARCHIVE = { source: "hashicorp/archive", version: ">= 2.7.1, < 3.0.0" };

  test("takes Terraform and OpenTofu from 1.10, and providers in ranges by short sources", () => {
    expect(synthesise().terraform).toMatchObject({
      required_version: ">= 1.10.0, < 2.0.0",
      required_providers: { aws: AWS, archive: ARCHIVE },
    });
  });

  test("takes the configured versions of the AWS provider", () => {
    const { terraform } = synthesise({ providerVersion: ">= 6.8.0, < 7.0.0" });
    expect(terraform.required_providers).toStrictEqual({
      aws: { ...AWS, version: ">= 6.8.0, < 7.0.0" },
      archive: ARCHIVE,
    });
  });

  test("with packaging: prebuilt needs the AWS provider alone", () => {
    const { terraform, provider } = synthesise({ packaging: "prebuilt" });
    expect(terraform.required_providers).toStrictEqual({ aws: AWS });
    expect(Object.keys(provider)).toStrictEqual(["aws"]);
  });
});

describe("the backend", () => {
  test("in S3 is encrypted and locks natively", () => {
    const { terraform } = synthesise({ region: "eu-west-1", backend: { s3: { bucket: "our-state" } } });
    expect(terraform.backend).toStrictEqual({
      s3: { bucket: "our-state", key: "images.tfstate", region: "eu-west-1", encrypt: true, use_lockfile: true },
    });
  });

  test("in S3 takes a key as it is written", () => {
    const { terraform } = synthesise({ backend: { s3: { bucket: "our-state", key: "a/${b}.tfstate" } } });
    expect(terraform.backend).toMatchObject({ s3: { key: "a/$${b}.tfstate" } });
  });

  test.each([
    [
      { organization: "examples" },
      { hostname: "app.terraform.io", organization: "examples", workspaces: { name: "images" } },
    ],
    [
      { organization: "examples", workspace: "w", project: "the project", hostname: "tfe.example" },
      { hostname: "tfe.example", organization: "examples", workspaces: { name: "w", project: "the project" } },
    ],
  ])("cloud: %j", (cloud, expected) => {
    const { terraform } = synthesise({ backend: { cloud } });
    expect(terraform.cloud).toStrictEqual(expected);
    expect(terraform.backend).toBeUndefined();
  });

  test("cloud packs at synth, for runs that plan and apply on different machines", () => {
    expect(synthesise({ backend: { cloud: { organization: "examples" } } }).text).not.toContain("archive_file");
  });

  test.each([
    [undefined, "../../../terraform.images.tfstate"],
    [{ local: {} }, "../../../terraform.images.tfstate"],
    [{ local: { path: "states/a.tfstate" } }, "../../../states/a.tfstate"],
  ])("local: %j lies beside cdktf.out, which synth may wipe", (backend, path) => {
    expect(synthesise({ backend }).terraform.backend).toStrictEqual({ local: { path } });
  });
});

test("every resource carries the configured tags and the pipeline's name", () => {
  expect(synthesise({ region: "eu-west-1", tags: { team: "platform" } }).provider.aws).toStrictEqual([
    { region: "eu-west-1", default_tags: [{ tags: { team: "platform", "s3-codebuild-trigger:pipeline": "images" } }] },
  ]);
});

test("the outputs are what people look for", () => {
  const { output } = synthesise({ services: ["api", { name: "web", repository: "team/web" }] });
  expect(Object.fromEntries(Object.entries(output).map(([name, { value }]) => [name, value]))).toStrictEqual({
    bucket: "image-drops",
    queue_url: "https://sqs.us-east-1.amazonaws.com/111122223333/images_drops",
    dead_letter_queue_url: "https://sqs.us-east-1.amazonaws.com/111122223333/images_dead-letters",
    function_name: "images_start-build",
    build_log_group: "/aws/codebuild/images_builds",
    repository_urls: {
      api: "111122223333.dkr.ecr.us-east-1.amazonaws.com/api",
      web: "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/web",
    },
  });
});

describe.each(ACCOUNTS)("in $region", ({ region }) => {
  test.each([
    ["a created bucket", {}],
    ["an existing bucket", { bucket: { existing: "their-drops" } }],
    ["a shared role", { roles: "shared" }],
    ["prebuilt packages", { packaging: "prebuilt" }],
  ] as const)("with %s the JSON holds no partition and no host of AWS", (_option, changes) => {
    const { text } = synthesise({ region, ...changes });
    expect(text).not.toMatch(/arn:aws/);
    expect(text).not.toMatch(/amazonaws\.com/);
  });
});

import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import { TerraformStack, TerraformVariable, Testing } from "cdktf";
import { ConfigError } from "../../config/errors";
import { Pipeline } from "../../infrastructure/pipeline";
import { pipelineInput, synthesise, type Synthesis } from "../support/synthesis";
import { thrownBy } from "../support/thrown";

// What is packed counts here, not that it is compressed: that takes longer than all else.
jest.mock("fflate", () => {
  const fflate = jest.requireActual<typeof import("fflate")>("fflate");
  const zipSync: typeof fflate.zipSync = (files, options) => fflate.zipSync(files, { ...options, level: 0 });
  return { ...fflate, zipSync };
});

const ONCE = {
  aws_cloudwatch_log_group: 2,
  aws_iam_role: 1,
  aws_iam_role_policy: 1,
  aws_lambda_event_source_mapping: 1,
  aws_lambda_function: 1,
  aws_s3_bucket: 1,
  aws_s3_bucket_lifecycle_configuration: 1,
  aws_s3_bucket_ownership_controls: 1,
  aws_s3_bucket_policy: 1,
  aws_s3_bucket_public_access_block: 1,
  aws_s3_bucket_server_side_encryption_configuration: 1,
  aws_s3_bucket_versioning: 1,
  aws_s3_object: 1,
  aws_sqs_queue: 2,
};
const CREATED_BUCKET = {
  aws_s3_bucket: 2,
  aws_s3_bucket_lifecycle_configuration: 2,
  aws_s3_bucket_notification: 1,
  aws_s3_bucket_ownership_controls: 2,
  aws_s3_bucket_policy: 2,
  aws_s3_bucket_public_access_block: 2,
  aws_s3_bucket_server_side_encryption_configuration: 2,
  aws_s3_bucket_versioning: 2,
};

describe("the resources of a pipeline", () => {
  test.each([1, 2, 5])("with %d services: five for each, and as many for the pipeline as before", (count) => {
    expect(synthesise({ services: services(count) }).counts()).toStrictEqual({
      ...ONCE,
      ...CREATED_BUCKET,
      aws_codebuild_project: count,
      aws_ecr_lifecycle_policy: count,
      aws_ecr_repository: count,
      aws_iam_role: 1 + count,
      aws_iam_role_policy: 1 + count,
    });
  });

  test.each([1, 2, 5])("with %d services and roles: shared: three for each", (count) => {
    expect(synthesise({ services: services(count), roles: "shared" }).counts()).toStrictEqual({
      ...ONCE,
      ...CREATED_BUCKET,
      aws_codebuild_project: count,
      aws_ecr_lifecycle_policy: count,
      aws_ecr_repository: count,
      aws_iam_role: 2,
      aws_iam_role_policy: 2,
    });
  });

  test("an existing bucket is not configured in any way", () => {
    expect(synthesise({ bucket: { existing: "their-drops" }, trigger: "queue" }).counts()).toStrictEqual({
      ...ONCE,
      aws_codebuild_project: 1,
      aws_ecr_lifecycle_policy: 1,
      aws_ecr_repository: 1,
      aws_iam_role: 2,
      aws_iam_role_policy: 2,
    });
  });
});

describe("adding a service", () => {
  test.each(["own", "shared"] as const)("with roles: %s changes nothing else but the function's code", (roles) => {
    const before = synthesise({ roles, packaging: "prebuilt", services: ["api", "web"] });
    const after = synthesise({ roles, packaging: "prebuilt", services: ["api", "new", "web"] });
    const { added, removed, changed } = compare(before, after);
    expect(removed).toStrictEqual([]);
    expect(changed).toStrictEqual(["aws_lambda_function.pipeline_trigger_start-build_function_DB85632F"]);
    expect(added.every((address) => address.includes("pipeline_services_new_"))).toBe(true);
    expect(withoutCode(after)).toStrictEqual(withoutCode(before));
  });

  test("with packaging: archive changes nothing else at all: the code's hash is Terraform's to find", () => {
    const { removed, changed } = compare(synthesise({ services: ["api"] }), synthesise({ services: ["api", "new"] }));
    expect({ removed, changed }).toStrictEqual({ removed: [], changed: [] });
  });

  test("the order in which services are written changes nothing", () => {
    const services = [{ name: "web", key: "w.zip" }, "api"];
    expect(synthesise({ services: services.toReversed() }).text).toBe(synthesise({ services }).text);
  });
});

describe("1,000 services", () => {
  const many = synthesise({ roles: "shared", services: services(1000) });

  test("are 3,000 resources with roles: shared", () => {
    expect(many.counts()).toMatchObject({ aws_codebuild_project: 1000, aws_ecr_repository: 1000, aws_iam_role: 2 });
  });

  test("leave every policy as it is for one", () => {
    expect(many.policies()).toStrictEqual(synthesise({ roles: "shared" }).policies());
  });

  test("travel in the function's package, not in its environment of 4 KB", () => {
    expect(many.resource("aws_lambda_function").environment).toBeUndefined();
  });
});

describe("in a stack of one's own", () => {
  test("several pipelines stand side by side, and bring no provider, backend or output", () => {
    const stack = new TerraformStack(Testing.app(), "estate");
    for (const name of ["images", "charts"])
      new Pipeline(stack, name, pipelineInput({ name, bucket: `${name}-drops` }));
    const json = stack.toTerraform() as Record<string, Record<string, object>>;
    expect(Object.keys(json).toSorted()).toStrictEqual(["//", "data", "resource"]);
    expect(Object.keys(json.resource!.aws_sqs_queue!)).toHaveLength(4);
  });

  test("a reference of that stack can be a variable of the builds", () => {
    const stack = new TerraformStack(Testing.app(), "estate");
    const topic = new TerraformVariable(stack, "topic", { type: "string" });
    new Pipeline(stack, "images", pipelineInput({ defaults: { environment: { TOPIC: topic.stringValue } } }));
    expect(Testing.synth(stack)).toContain('"value": "${var.topic}"');
  });

  test("the region is that of the stack's provider", () => {
    const stack = new TerraformStack(Testing.app(), "estate");
    new AwsProvider(stack, "other", { alias: "other", region: "eu-west-1" });
    new AwsProvider(stack, "aws", { region: "cn-north-1" });
    const services = [{ name: "api", compute: { type: "BUILD_LAMBDA_1GB" as const } }];
    const error = thrownBy(() => new Pipeline(stack, "images", { name: "images", bucket: "image-drops", services }));
    expect((error as Error).message).toContain("services[0].compute.type: ");
    expect((error as Error).message).toContain("cn-north-1");
  });

  test.each([
    [
      { region: undefined },
      "region: is required: give it here, or create the stack's AwsProvider, without an alias and with a region, before the pipeline; where that is done, look for a second copy of cdktf or the provider (npm ls cdktf @cdktf/provider-aws)",
    ],
    [
      { backend: { local: {} } },
      "backend: must not be given to a pipeline inside a stack: give the stack a backend, or take PipelineStack",
    ],
    [
      { provider: { allowedAccountIds: ["111122223333"] } },
      "provider: must not be given to a pipeline inside a stack: say it to the stack's AwsProvider, or take PipelineStack",
    ],
    [
      { tags: { team: "platform" } },
      "tags: must not be given to a pipeline inside a stack: give the stack's AwsProvider default tags, or take PipelineStack",
    ],
  ])("with %j it is told what the stack has to say", (changes, problem) => {
    const stack = new TerraformStack(Testing.app(), "estate");
    const error = thrownBy(() => new Pipeline(stack, "images", { ...pipelineInput(), ...changes }));
    expect((error as Error).message).toBe(`${problem}\n1 problem in the configuration`);
  });

  test("what is wrong is said before anything is made", () => {
    const stack = new TerraformStack(Testing.app(), "estate");
    const error = thrownBy(
      () => new Pipeline(stack, "images", pipelineInput({ services: [{ name: "api", key: "a.rar" }] })),
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toBe(
      'services[0].key: must end in .zip, .tar, .tar.gz, .tgz or .tar.zst, got "a.rar"\n1 problem in the configuration',
    );
    expect(stack.node.children).toStrictEqual([]);
  });
});

function services(count: number): string[] {
  return ["api", ...Array.from({ length: count - 1 }, (_, index) => `service-${index}`)];
}

function compare(before: Synthesis, after: Synthesis) {
  const [old, new_] = [before.written(), after.written()];
  return {
    added: [...new_.keys()].filter((address) => !old.has(address)),
    removed: [...old.keys()].filter((address) => !new_.has(address)),
    changed: [...old]
      .filter(([address, text]) => new_.has(address) && new_.get(address) !== text)
      .map(([address]) => address),
  };
}

function withoutCode(synthesis: Synthesis) {
  const { source_code_hash, ...rest } = synthesis.resource("aws_lambda_function");
  expect(source_code_hash).toMatch(/^[A-Za-z0-9+/]{43}=$/);
  return rest;
}

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { prepareTerraform, type TerraformSetup } from "../../local/terraform";
import { type StackTerraform, terraform } from "../../local/terraform/run";
import { hasTerraform, validateStack } from "../support/terraform";

jest.setTimeout(120_000);

const requirements = {
  aws: { source: "hashicorp/aws", version: ">= 5.100.0, < 7.0.0" },
  archive: { source: "hashicorp/archive", version: ">= 2.7.1, < 3.0.0" },
};

/** A bundle as a Lambda function's code, and a resource that is replaced when the code changes. */
const bundleStack = {
  terraform: {
    required_providers: { archive: requirements.archive },
    backend: { local: { path: "state/terraform.tfstate" } },
  },
  data: {
    archive_file: {
      code: {
        type: "zip",
        source_dir: "bundle",
        excludes: ["**/*.map"],
        output_path: "out/code.zip",
        output_file_mode: "0644",
      },
    },
  },
  resource: { terraform_data: { function: { triggers_replace: "${data.archive_file.code.output_base64sha256}" } } },
  output: {
    hash: { value: "${data.archive_file.code.output_base64sha256}" },
    size: { value: "${data.archive_file.code.output_size}", sensitive: true },
  },
};

let folder: string;
let setup: TerraformSetup | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "terraform-e2e-"));
});

afterEach(async () => {
  await setup?.close();
  setup = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function write(path: string, content: unknown): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
}

async function start(stackDirectory: string, onLine?: (line: string) => void): Promise<StackTerraform> {
  setup = await prepareTerraform({ directory: join(folder, "cli") });
  return terraform(setup, join(folder, stackDirectory), { onLine });
}

test("a stack with an archive plans, applies, plans clean, sees a change of code, and is destroyed", async () => {
  if (!(await hasTerraform())) return;
  await write("stack/main.tf.json", bundleStack);
  await write("stack/bundle/index.js", "exports.handler = () => 1;\n");
  await write("stack/bundle/index.js.map", "{}");
  const lines: string[] = [];
  const stack = await start("stack", (line) => lines.push(line));

  await stack.init();
  expect(await stack.plan()).toEqual({ changes: true, summary: "Plan: 1 to add, 0 to change, 0 to destroy." });
  await stack.apply();
  expect(lines).toContain("Apply complete! Resources: 1 added, 0 changed, 0 destroyed.");
  const archive = await readFile(join(folder, "stack/out/code.zip"));
  const hash = createHash("sha256").update(archive).digest("base64");
  expect(await stack.output()).toEqual({ hash, size: archive.length });
  expect(await stack.showState()).toMatchObject({
    values: { root_module: { resources: expect.any(Array) as unknown } },
  });

  expect((await stack.plan()).changes).toBe(false);
  await write("stack/bundle/index.js.map", '{"excluded":true}');
  expect((await stack.plan()).changes).toBe(false);
  await write("stack/bundle/index.js", "exports.handler = () => 2;\n");
  expect(await stack.plan()).toEqual({ changes: true, summary: "Plan: 1 to add, 0 to change, 1 to destroy." });

  await stack.destroy();
  expect(await stack.output()).toEqual({});
});

test("what the archive cannot be made of fails the plan with its sentence", async () => {
  if (!(await hasTerraform())) return;
  await write("stack/main.tf.json", {
    data: { archive_file: { code: { type: "zip", source_file: "nope.js", output_path: "code.zip" } } },
  });
  const stack = await start("stack");
  await stack.init();
  await expect(stack.plan()).rejects.toMatchObject({
    name: "TerraformCommandError",
    exitCode: 1,
    lastLines: expect.arrayContaining([expect.stringContaining("Archive creation error")]) as unknown,
  });
});

test("SIGTERM in mid-apply ends Terraform in order: its state is written and its lock released", async () => {
  if (!(await hasTerraform())) return;
  await write("stack/main.tf.json", {
    terraform: bundleStack.terraform,
    resource: {
      terraform_data: {
        first: { input: "done" },
        second: {
          depends_on: ["terraform_data.first"],
          provisioner: [{ "local-exec": { command: "echo started; exec sleep 60" } }],
        },
      },
    },
  });
  const stack = await start("stack", (line) => {
    if (line.endsWith("(local-exec): started")) process.emit("SIGTERM", "SIGTERM");
  });
  await stack.init();
  await stack.plan();
  const started = Date.now();
  await expect(stack.apply()).rejects.toMatchObject({ name: "TerraformCommandError", exitCode: 1 });
  expect(Date.now() - started).toBeLessThan(30_000);
  const state = JSON.parse(await readFile(join(folder, "stack/state/terraform.tfstate"), "utf8")) as {
    resources: { name: string }[];
  };
  expect(state.resources.map(({ name }) => name)).toContain("first");
  await expect(readFile(join(folder, "stack/state/.terraform.tfstate.lock.info"))).rejects.toMatchObject({
    code: "ENOENT",
  });
});

describe("validateStack", () => {
  const valid = {
    terraform: {
      required_providers: requirements,
      backend: { s3: { bucket: "state", key: "k", region: "us-east-1" } },
    },
    provider: { aws: { region: "us-east-1" } },
    data: bundleStack.data,
    resource: {
      aws_s3_bucket: { drops: { bucket: "drops", tags: { hash: "${data.archive_file.code.output_sha256}" } } },
    },
  };

  test("finds nothing wrong with a valid stack and leaves its backend alone", async () => {
    if (!(await hasTerraform())) return;
    await write("stack/main.tf.json", valid);
    expect(await validateStack(join(folder, "stack"))).toEqual([]);
  });

  test("gives what the providers refuse", async () => {
    if (!(await hasTerraform())) return;
    await write("stack/main.tf.json", {
      ...valid,
      resource: { aws_s3_bucket: { drops: { bucket: "drops", no_such: "argument" } } },
    });
    const findings = await validateStack(join(folder, "stack"));
    expect(findings.map(({ severity, summary }) => [severity, summary])).toEqual([
      ["error", "Extraneous JSON object property"],
    ]);
  });

  test("gives what the archive provider refuses", async () => {
    if (!(await hasTerraform())) return;
    await write("stack/main.tf.json", {
      ...valid,
      data: { archive_file: { code: { type: "zip", output_path: "code.zip" } } },
    });
    const findings = await validateStack(join(folder, "stack"));
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ severity: "error", address: "data.archive_file.code" });
  });
});

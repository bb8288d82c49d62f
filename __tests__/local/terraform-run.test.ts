import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TerraformSetup } from "../../local/terraform";
import { findTerraform } from "../../local/terraform/binary";
import { terraform, type RunOptions, type StackTerraform } from "../../local/terraform/run";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "terraform-run-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A command in Terraform's place. */
async function command(script: string): Promise<string> {
  const binary = join(folder, "terraform");
  await writeFile(binary, `#!/bin/sh\n${script}\n`);
  await chmod(binary, 0o755);
  return binary;
}

async function stack(script: string, options: RunOptions = {}): Promise<StackTerraform> {
  const setup: TerraformSetup = {
    binary: await command(script),
    version: "1.11.4",
    engine: "terraform",
    providers: { "hashicorp/aws": "", "hashicorp/archive": "" },
    environmentFor: () => Promise.resolve({ FROM_SETUP: "setup", SHARED: "setup" }),
    close: () => Promise.resolve(),
  };
  return terraform(setup, folder, options);
}

describe("findTerraform", () => {
  test.each([
    ["Terraform", "1.11.0", "terraform"],
    ["Terraform", "1.11.4", "terraform"],
    ["Terraform", "1.12.0-beta1", "terraform"],
    ["Terraform", "2.0.0", "terraform"],
    ["OpenTofu", "1.10.0", "opentofu"],
    ["OpenTofu", "1.12.1", "opentofu"],
  ])("takes %s %s", async (name, version, engine) => {
    const binary = await command(`echo "${name} v${version}"; echo "on linux_amd64"`);
    expect(await findTerraform({ TERRAFORM_BINARY_NAME: binary })).toEqual({ engine, binary, version });
  });

  test.each([
    ["Terraform", "1.10.5"],
    ["Terraform", "0.15.0"],
    ["Terraform", "1.9.11"],
    ["OpenTofu", "1.9.4"],
  ])("refuses %s %s", async (name, version) => {
    const binary = await command(`echo "${name} v${version}"`);
    await expect(findTerraform({ TERRAFORM_BINARY_NAME: binary })).rejects.toThrow(
      `"${binary}" is ${name} ${version}, expected Terraform 1.11.0 or newer, or OpenTofu 1.10.0 or newer: get it from https://developer.hashicorp.com/terraform/install.`,
    );
  });

  test.each([
    ["echo 'Packer v1.12.0'", "Packer v1.12.0"],
    [":", "silent about its version"],
  ])("refuses another program: %s", async (script, found) => {
    const binary = await command(script);
    await expect(findTerraform({ TERRAFORM_BINARY_NAME: binary })).rejects.toThrow(
      `"${binary}" is ${found}, expected Terraform 1.11.0`,
    );
  });

  test("says where to get a missing one", async () => {
    await expect(findTerraform({ TERRAFORM_BINARY_NAME: "", PATH: folder })).rejects.toThrow(
      'No Terraform: "terraform" is not a command here, expected Terraform 1.11.0 or newer, or OpenTofu 1.10.0 or newer. ' +
        "Get it from https://developer.hashicorp.com/terraform/install, or name its place in TERRAFORM_BINARY_NAME.",
    );
  });
});

describe("the runner", () => {
  test.each<[string, (stack: StackTerraform) => Promise<unknown>, string]>([
    ["init", (stack) => stack.init(), "init -input=false -no-color"],
    ["init without backend", (stack) => stack.init({ backend: false }), "init -input=false -no-color -backend=false"],
    ["plan", (stack) => stack.plan(), "plan -input=false -no-color -detailed-exitcode -out=.terraform/saved.tfplan"],
    ["apply", (stack) => stack.apply(), "apply -input=false -no-color .terraform/saved.tfplan"],
    ["destroy", (stack) => stack.destroy(), "destroy -input=false -no-color -auto-approve"],
  ])("%s runs in the stack's folder, told never to ask", async (_, run, args) => {
    const lines: string[] = [];
    await run(await stack('pwd; echo "$*"', { onLine: (line) => lines.push(line) }));
    expect(lines).toEqual([folder, args]);
  });

  test("the caller's variables come before the set-up's, and those before the process's", async () => {
    process.env.SHARED = "process";
    const lines: string[] = [];
    const environment = { AWS_ENDPOINT_URL: "http://127.0.0.1:1" };
    await (
      await stack('echo "$AWS_ENDPOINT_URL $FROM_SETUP $SHARED"', { environment, onLine: (line) => lines.push(line) })
    ).init();
    await (
      await stack('echo "$SHARED"', { environment: { SHARED: "caller" }, onLine: (line) => lines.push(line) })
    ).init();
    delete process.env.SHARED;
    expect(lines).toEqual(["http://127.0.0.1:1 setup setup", "caller"]);
  });

  test.each([
    [0, "No changes. Your infrastructure matches the configuration.", false],
    [2, "Plan: 3 to add, 1 to change, 0 to destroy.", true],
    [2, "Changes to Outputs:", true],
  ])("plan with exit code %i", async (code, summary, changes) => {
    const running = await stack(`echo "reading..."; echo "${summary}"; echo "Changes to Outputs:"; exit ${code}`);
    expect(await running.plan()).toEqual({ changes, summary });
  });

  test("a remote run ends with Terraform's own line, in colours or not, and its errors are found in their frame", async () => {
    const coloured = String.raw`printf '\033[0mreading\n\033[1mPlan:\033[0m 3 to add.\nApply complete! Resources: 3 added.\n'`;
    const lines: string[] = [];
    const running = await stack(coloured, { onLine: (line) => lines.push(line) });
    expect(await running.planRemotely()).toBe("Plan: 3 to add.");
    expect(lines).toStrictEqual(["reading", "Plan: 3 to add.", "Apply complete! Resources: 3 added."]);
    expect(await running.applyRemotely()).toBe("Apply complete! Resources: 3 added.");
    const failing = String.raw`printf 'waiting\n\033[31m│\033[0m \033[1mError: \033[0mno rights\n'; exit 1`;
    await expect((await stack(failing)).planRemotely()).rejects.toMatchObject({ lastLines: ["│ Error: no rights"] });
  });

  test("values are read from JSON", async () => {
    const answer = '{"url":{"sensitive":true,"type":"string","value":"https://x"},"names":{"value":["a"]}}';
    expect(await (await stack(`echo '${answer}'`)).output()).toEqual({ url: "https://x", names: ["a"] });
    expect(await (await stack('echo "[\\"$*\\"]"')).showState()).toEqual(["show -no-color -json"]);
    expect(await (await stack('echo "[\\"$*\\"]"')).showPlan()).toEqual([
      "show -no-color -json .terraform/saved.tfplan",
    ]);
  });

  test("validate gives the findings, although Terraform fails", async () => {
    const finding = { severity: "error", summary: "Unsupported argument" };
    const running = await stack(`echo '{"valid":false,"diagnostics":[${JSON.stringify(finding)}]}'; exit 1`);
    expect(await running.validate()).toEqual([finding]);
  });

  test("a failure carries command, exit code and Terraform's error", async () => {
    const running = await stack(
      'echo "aws_s3_bucket.b: Creating..."; echo "Error: creating S3 Bucket" >&2; echo "  because" >&2; exit 1',
    );
    await expect(running.apply()).rejects.toMatchObject({
      name: "TerraformCommandError",
      message:
        `${folder}/terraform apply -input=false -no-color .terraform/saved.tfplan failed with exit code 1 in ${folder}:\n` +
        "Error: creating S3 Bucket\n  because",
      exitCode: 1,
      signal: null,
    });
  });

  test("of a failure without such an error the last 40 lines are kept", async () => {
    const running = await stack("seq 1 100; exit 3");
    await expect(running.init()).rejects.toMatchObject({
      exitCode: 3,
      lastLines: Array.from({ length: 40 }, (_, index) => String(index + 61)),
    });
  });

  test("a plan's exit code for changes is a failure elsewhere", async () => {
    await expect((await stack("exit 2")).apply()).rejects.toMatchObject({ exitCode: 2 });
  });

  test.each([
    ["SIGINT", "SIGINT"],
    ["SIGTERM", "SIGTERM"],
    // Terraform knows no SIGHUP, and would be left alone with its state.
    ["SIGHUP", "SIGTERM"],
  ] as const)("%s reaches Terraform once, as %s, which may end in order", async (signal, received) => {
    const before = process.listenerCount(signal);
    // A shell handles a signal only between commands, hence the short sleeps.
    const script = `trap 'echo ${received} >> signals; released=1' ${received.slice(3)}
      echo ready
      for turn in $(seq 1 100); do [ -n "$released" ] && break; sleep 0.1; done
      sleep 0.3
      exit 1`;
    const running = await stack(script, { onLine: (line) => line === "ready" && process.emit(signal, signal) });
    await expect(running.apply()).rejects.toMatchObject({ exitCode: 1, signal: null });
    expect(await readFile(join(folder, "signals"), "utf8")).toBe(`${received}\n`);
    expect(process.listenerCount(signal)).toBe(before);
  });

  test("says so when a signal ended Terraform", async () => {
    await expect((await stack("kill -9 $$")).init()).rejects.toThrow(
      `${folder}/terraform init -input=false -no-color was ended by SIGKILL in ${folder}:`,
    );
  });
});

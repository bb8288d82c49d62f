import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { prepareTerraform } from "../../local/terraform";
import { type StackTerraform, terraform } from "../../local/terraform/run";
import { applyPipelines, type AppliedPipelines } from "../support/pipelines";

const YAML = `
name: images
region: us-east-1
bucket: image-drops
backend: { s3: { bucket: image-drops-state } }
protect: false
services: [api]
`;

const MINUTES = 60_000;
const TOFU = process.env.TERRAFORM_BINARY_NAME ?? "tofu";

let applied: AppliedPipelines | undefined;
const closing: (() => Promise<void>)[] = [];

/** OpenTofu is in no registry of packages that CI could take it from, so that CI may go without. */
function isHere(): boolean {
  const { error, stdout } = spawnSync(TOFU, ["version"], { encoding: "utf8", env: { ...process.env } });
  if (error === undefined && /^OpenTofu v/m.test(stdout)) return true;
  process.stderr.write(
    "\nNOT TESTED with OpenTofu: there is no `tofu` on the PATH, nor does TERRAFORM_BINARY_NAME name one " +
      "(https://opentofu.org/docs/intro/install/)\n\n",
  );
  return false;
}

afterAll(async () => {
  for (const close of closing) await close();
  await applied?.close();
}, MINUTES);

/** An engine in the applied stack's folder, with what it installs apart from the other's. */
async function engine(binary: string): Promise<StackTerraform> {
  process.env.TERRAFORM_BINARY_NAME = binary;
  const directory = join(applied!.directory, `again-${binary.replaceAll("/", "-")}`);
  const setup = await prepareTerraform({ directory });
  closing.push(() => setup.close());
  return terraform(setup, stackFolder(), { environment: { TF_DATA_DIR: join(directory, "data") } });
}

function stackFolder(): string {
  return join(applied!.directory, "cdktf.out/stacks/images");
}

(isHere() ? test : test.skip)(
  "OpenTofu applies what is synthesised, Terraform takes it over and gives it back, and OpenTofu destroys it",
  async () => {
    process.env.TERRAFORM_BINARY_NAME = TOFU;
    applied = await applyPipelines(YAML);
    const { stack, outputs } = applied.pipeline("images");
    expect(outputs.bucket).toBe("image-drops");
    const nothing = { changes: false, summary: expect.stringMatching(/^No changes\./) as string };
    expect(await stack.plan()).toStrictEqual(nothing);

    // The one step that docs/opentofu.md asks for, on the way from OpenTofu to Terraform.
    for (const provider of ["aws", "archive"]) {
      const [from, to] = [`registry.opentofu.org/hashicorp/${provider}`, `registry.terraform.io/hashicorp/${provider}`];
      await promisify(execFile)(TOFU, ["state", "replace-provider", "-auto-approve", from, to], {
        cwd: stackFolder(),
        env: { ...process.env },
      });
    }
    const hashicorp = await engine("terraform");
    await hashicorp.init();
    expect(await hashicorp.plan()).toStrictEqual(nothing);
    await hashicorp.apply();

    const back = await engine(TOFU);
    await back.init();
    expect(await back.plan()).toStrictEqual(nothing);
    await back.destroy();
    expect(await back.output()).toStrictEqual({});
  },
  10 * MINUTES,
);

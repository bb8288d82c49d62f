import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { prepareTerraform } from "../../local/terraform";
import { findTerraform } from "../../local/terraform/binary";
import { terraform, type TerraformDiagnostic } from "../../local/terraform/run";

/**
 * What real Terraform says of a synthesised stack without touching its backend: `init -backend=false`, then `validate`. Empty
 * means valid without a warning. Takes seconds, so its callers live in `__tests__/e2e/`.
 *
 * A worker keeps its own folder of downloaded providers: Terraform's cache is not safe for two runs at once.
 */
export async function validateStack(stackDirectory: string): Promise<TerraformDiagnostic[]> {
  const worker = process.env.JEST_WORKER_ID ?? "1";
  const setup = await prepareTerraform({ directory: resolve(__dirname, `../../.local/tests/terraform-${worker}`) });
  const data = await mkdtemp(join(tmpdir(), "validate-"));
  try {
    const stack = terraform(setup, stackDirectory, { environment: { TF_DATA_DIR: data } });
    await stack.init({ backend: false });
    return await stack.validate();
  } finally {
    await setup.close();
    await rm(data, { recursive: true, force: true });
  }
}

/** Whether Terraform is here to test with. Where it is not, says so on stderr; with CI=true that is a failure. */
export async function hasTerraform(): Promise<boolean> {
  try {
    await findTerraform();
    return true;
  } catch (error) {
    if (process.env.CI === "true") throw error;
    process.stderr.write(`Not tested: ${(error as Error).message}\n`);
    return false;
  }
}

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { TerraformMissingError, TerraformVersionError } from "./errors";
import { variable } from "./variables";

/** The S3 backend locks by `use_lockfile` from here on. https://developer.hashicorp.com/terraform/language/backend/s3#state-locking */
const REQUIRED = "1.11.0";

export interface TerraformBinary {
  /** The command, as TERRAFORM_BINARY_NAME or the PATH has it. */
  readonly binary: string;
  readonly version: string;
}

/** The Terraform that cdktf would run: TERRAFORM_BINARY_NAME, else `terraform` on the PATH. */
export async function findTerraform(environment: NodeJS.ProcessEnv = process.env): Promise<TerraformBinary> {
  const binary = variable(environment, "TERRAFORM_BINARY_NAME") ?? "terraform";
  const answer = await askVersion(binary, environment);
  const version = /^Terraform v(\S+)/.exec(answer)?.[1];
  if (version === undefined) {
    const found = answer === "" ? "silent about its version" : answer.replace(/\n.*/s, "");
    throw new TerraformVersionError(binary, found, REQUIRED);
  }
  if (isOlder(version, REQUIRED)) throw new TerraformVersionError(binary, `Terraform ${version}`, REQUIRED);
  return { binary, version };
}

async function askVersion(binary: string, environment: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(binary, ["version"], {
      env: { ...environment, CHECKPOINT_DISABLE: "1" },
      timeout: 30_000,
    });
    return stdout.trim();
  } catch (error) {
    throw new TerraformMissingError(binary, REQUIRED, { cause: error });
  }
}

/** Compares major.minor.patch; a pre-release counts as its release. */
function isOlder(version: string, required: string): boolean {
  const release = version.replace(/[-+].*/, "");
  return release.localeCompare(required, "en", { numeric: true }) < 0;
}

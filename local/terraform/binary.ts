import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { TerraformMissingError, TerraformVersionError } from "./errors";
import { variable } from "./variables";

/** Terraform, or its fork OpenTofu. */
export type Engine = "terraform" | "opentofu";

/**
 * The S3 backend locks by `use_lockfile` from here on. https://developer.hashicorp.com/terraform/language/backend/s3#state-locking,
 * https://opentofu.org/docs/language/settings/backends/s3/
 */
const REQUIRED: Readonly<Record<Engine, string>> = { terraform: "1.11.0", opentofu: "1.10.0" };

export interface TerraformBinary {
  readonly engine: Engine;
  /** The command, as TERRAFORM_BINARY_NAME or the PATH has it. */
  readonly binary: string;
  readonly version: string;
}

/** The Terraform that cdktf would run: TERRAFORM_BINARY_NAME, else `terraform` on the PATH. */
export async function findTerraform(environment: NodeJS.ProcessEnv = process.env): Promise<TerraformBinary> {
  const binary = variable(environment, "TERRAFORM_BINARY_NAME") ?? "terraform";
  const answer = await askVersion(binary, environment);
  const [, name, version] = /^(Terraform|OpenTofu) v(\S+)/m.exec(answer) ?? [];
  if (version === undefined) {
    const found = answer === "" ? "silent about its version" : answer.replace(/\n.*/s, "");
    throw new TerraformVersionError(binary, found, REQUIRED);
  }
  const engine: Engine = name === "OpenTofu" ? "opentofu" : "terraform";
  if (isOlder(version, REQUIRED[engine])) throw new TerraformVersionError(binary, `${name ?? ""} ${version}`, REQUIRED);
  return { engine, binary, version };
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

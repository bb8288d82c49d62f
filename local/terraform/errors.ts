import type { Engine } from "./binary";

/** The oldest release of each that will do. */
type Required = Readonly<Record<Engine, string>>;

const GET_TERRAFORM = "https://developer.hashicorp.com/terraform/install";

/** No Terraform to run. */
export class TerraformMissingError extends Error {
  override readonly name = "TerraformMissingError";
  constructor(binary: string, required: Required, options?: ErrorOptions) {
    super(
      `No Terraform: "${binary}" is not a command here, expected ${either(required)}. ` +
        `Get it from ${GET_TERRAFORM}, or name its place in TERRAFORM_BINARY_NAME.`,
      options,
    );
  }
}

/** A command that is not Terraform, or one that is too old. */
export class TerraformVersionError extends Error {
  override readonly name = "TerraformVersionError";
  constructor(binary: string, found: string, required: Required) {
    super(`"${binary}" is ${found}, expected ${either(required)}: get it from ${GET_TERRAFORM}.`);
  }
}

/** Neither the provider registry nor a mirror on this machine can give the AWS provider. */
export class AwsProviderMissingError extends Error {
  override readonly name = "AwsProviderMissingError";
  constructor(registry: string, platform: string, searched: readonly string[]) {
    super(
      `No AWS provider: ${registry} does not answer from here, and no folder below ${searched.join(", ")} holds ` +
        `registry.terraform.io/hashicorp/aws for ${platform}. Connect to the registry (HTTPS_PROXY is honoured), or run ` +
        `"terraform providers mirror ~/.terraform.d/plugins" in a stack's folder on a connected machine and copy that folder here.`,
    );
  }
}

/** Terraform ran and failed. */
export class TerraformCommandError extends Error {
  override readonly name = "TerraformCommandError";
  constructor(
    /** The command line, to repeat it by hand. */
    readonly command: string,
    readonly stackDirectory: string,
    /** Null where a signal ended it. */
    readonly exitCode: number | null,
    readonly signal: NodeJS.Signals | null,
    /** The last lines of its output. */
    readonly lastLines: readonly string[],
  ) {
    const ending = exitCode === null ? `was ended by ${String(signal)}` : `failed with exit code ${exitCode}`;
    super(`${command} ${ending} in ${stackDirectory}:\n${lastLines.join("\n")}`);
  }
}

function either({ terraform, opentofu }: Required): string {
  return `Terraform ${terraform} or newer, or OpenTofu ${opentofu} or newer`;
}

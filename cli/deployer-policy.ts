import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "cdktf";
import { ConfigError } from "../config/errors";
import { loadPipelines } from "../config/load";
import type { PipelineConfig } from "../config/schema";
import { deployerPolicy } from "../infrastructure/deployer-policy";
import { policyDocument } from "../infrastructure/policies";
import { PipelineStack } from "../infrastructure/stack";
import { type Output, parseArguments, runCommand, UsageError } from "./usage";

const HELP = `npm run deployer-policy -- [--account ID] [--file FILE] [PIPELINE]

Prints the IAM policy of whoever applies and destroys a pipeline, as JSON: exactly what Terraform calls, on exactly what the pipeline makes.
Without PIPELINE, one policy for each pipeline of the file, by name.

  PIPELINE      a pipeline of the file
  --file FILE   the configuration; default PIPELINE_FILE, or pipeline.yaml
  --account ID  the account that the pipeline is deployed to; default what provider.allowedAccountIds lists, or any
  --help        this text

Exit codes: 0 printed, 1 the configuration is wrong, 2 wrong usage.
`;

/** Characters without white space. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const MANAGED_POLICY_LENGTH = 6144;

/** Runs the command and returns its exit code. */
export function deployerPolicyCommand(args: readonly string[], output: Output): number {
  try {
    const { help, account, pipeline, file } = parseCommand(args);
    if (help) {
      output.out(HELP);
      return 0;
    }
    const policies = select(loadPipelines(file).pipelines, pipeline).map(({ config, only }) => {
      const text = render(config, account);
      if (text.length > MANAGED_POLICY_LENGTH) output.err(tooLong(config.name, text.length));
      return { name: config.name, only, policy: JSON.parse(text) as object };
    });
    const [first] = policies;
    const shown = first?.only ? first.policy : Object.fromEntries(policies.map(({ name, policy }) => [name, policy]));
    output.out(`${JSON.stringify(shown, undefined, 2)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof ConfigError)) throw error;
    output.err(`${error.message}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function parseCommand(args: readonly string[]) {
  const { values, positionals } = parseArguments(args, {
    account: { type: "string" },
    file: { type: "string" },
    help: { type: "boolean" },
  });
  const { account, help = false, file = process.env.PIPELINE_FILE ?? "pipeline.yaml" } = values;
  if (positionals.length > 1) throw new UsageError(`expected one pipeline at most, got ${positionals.length}`);
  if (account !== undefined && !/^[0-9]{12}$/.test(account)) {
    throw new UsageError(`--account must be an account id of 12 digits, got: ${account}`);
  }
  return { help, account, file, pipeline: positionals[0] };
}

function select(pipelines: readonly PipelineConfig[], name: string | undefined) {
  if (name === undefined) return pipelines.map((config) => ({ config, only: false }));
  const config = pipelines.find((pipeline) => pipeline.name === name);
  if (config) return [{ config, only: true }];
  const known = pipelines.map((pipeline) => pipeline.name).join(", ");
  throw new UsageError(`there is no pipeline ${name}, the file has ${known}`);
}

/** The document without white space. */
function render(config: PipelineConfig, account: string | undefined): string {
  const outdir = mkdtempSync(join(tmpdir(), "deployer-policy-"));
  try {
    const stack = new PipelineStack(new App({ outdir, stackTraces: false }), config);
    stack.prepareStack();
    const { resource } = stack.toTerraform() as { readonly resource: Readonly<Record<string, unknown>> };
    return policyDocument(...deployerPolicy(config, new Set(Object.keys(resource)), { account }));
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

function tooLong(pipeline: string, length: number): string {
  return `the policy for ${pipeline} has ${length} characters, a managed policy holds ${MANAGED_POLICY_LENGTH}: attach its statements as two policies, or as an inline policy of a role, which holds 10240\n`;
}

if (require.main === module) runCommand(deployerPolicyCommand);

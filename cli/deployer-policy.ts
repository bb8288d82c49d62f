import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "cdktf";
import { checkDeployer } from "../config/check-policies";
import { ConfigError } from "../config/errors";
import { loadFor } from "../config/load";
import type { Statement } from "../config/policies/statement";
import type { PipelineConfig } from "../config/schema";
import { deployerPolicy } from "../infrastructure/deployer-policy";
import { changePolicy, type Described } from "../infrastructure/deployer-policy-change";
import { PipelineStack } from "../infrastructure/stack";
import { describeDocuments, policyDocuments } from "./policy-documents";
import { type Output, parseArguments, runCommand, UsageError } from "../core/usage";

const HELP = `npm run deployer-policy -- [--account ID] [--file FILE] [--before FILE] [PIPELINE]

Prints the IAM policy of whoever applies and destroys a pipeline, as JSON: exactly what Terraform calls, on exactly what the pipeline makes.
Without PIPELINE, one policy for each pipeline of the file, by name. A policy that is too long for a managed policy is a list of documents.

Where a change takes something away (a service, an option, another trigger), Terraform also reads and deletes what the file no longer says:
give the configuration that was applied last with --before, apply with what is printed, and go back to the policy without it afterwards.

  PIPELINE       a pipeline of the file
  --file FILE    the configuration; default PIPELINE_FILE, or pipeline.yaml
  --before FILE  the configuration that the file replaces: adds reading and deleting what only that one has
  --account ID   the account that the pipeline is deployed to; default what provider.allowedAccountIds lists, or any
  --help         this text

Exit codes: 0 printed, 1 the configuration is wrong, 2 wrong usage.
`;

/** Runs the command and returns its exit code. */
export function deployerPolicyCommand(args: readonly string[], output: Output): number {
  try {
    const { help, account, pipeline, file, before } = parseCommand(args);
    if (help) {
      output.out(HELP);
      return 0;
    }
    const selected = select(
      load(file, (name) => pipeline === undefined || name === pipeline),
      pipeline,
    );
    const replaced = before === undefined ? [] : replacedBy(selected, before);
    const policies = selected.map(({ config, only }) => {
      const old = replaced.find(({ name }) => name === config.name);
      const documents = policyDocuments(render(config, old, account));
      const description = describeDocuments(config.name, documents);
      if (description !== undefined) output.err(`${description}\n`);
      const parsed = documents.map((text) => JSON.parse(text) as object);
      return { name: config.name, only, policy: parsed.length === 1 ? parsed[0] : parsed };
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
    before: { type: "string" },
    file: { type: "string" },
    help: { type: "boolean" },
  });
  const { account, before, help = false, file = process.env.PIPELINE_FILE ?? "pipeline.yaml" } = values;
  if (positionals.length > 1) throw new UsageError(`expected one pipeline at most, got ${positionals.length}`);
  if (account !== undefined && !/^[0-9]{12}$/.test(account)) {
    throw new UsageError(`--account must be an account id of 12 digits, got: ${account}`);
  }
  return { help, account, file, before, pipeline: positionals[0] };
}

/** The pipelines of a file; of those that are wanted, all must be such that a policy can name it. */
function load(file: string, isWanted: (name: string) => boolean): readonly PipelineConfig[] {
  return loadFor(file, (config) => (isWanted(config.name) ? checkDeployer(config) : [])).pipelines;
}

function select(pipelines: readonly PipelineConfig[], name: string | undefined) {
  if (name === undefined) return pipelines.map((config) => ({ config, only: false }));
  const config = pipelines.find((pipeline) => pipeline.name === name);
  if (config) return [{ config, only: true }];
  const known = pipelines.map((pipeline) => pipeline.name).join(", ");
  throw new UsageError(`there is no pipeline ${name}, the file has ${known}`);
}

/** The same pipelines in the file before; a pipeline that is new is in none. */
function replacedBy(selected: ReturnType<typeof select>, file: string): PipelineConfig[] {
  const isSelected = (name: string) => selected.some(({ config }) => config.name === name);
  const pipelines = load(file, isSelected);
  const replaced = pipelines.filter(({ name }) => isSelected(name));
  if (replaced.length > 0) return replaced;
  const [wanted, known] = [selected.map(({ config }) => config), pipelines].map((each) =>
    each.map(({ name }) => name).join(", "),
  );
  throw new UsageError(`--before must have a pipeline of the file, one of ${wanted}; ${file} has ${known}`);
}

function render(
  config: PipelineConfig,
  before: PipelineConfig | undefined,
  account: string | undefined,
): readonly Statement[] {
  const now = describe(config);
  return before === undefined
    ? deployerPolicy(config, now.types, { account })
    : changePolicy(now, describe(before), { account });
}

function describe(config: PipelineConfig): Described {
  const outdir = mkdtempSync(join(tmpdir(), "deployer-policy-"));
  try {
    const stack = new PipelineStack(new App({ outdir, stackTraces: false }), config);
    stack.prepareStack();
    const { resource } = stack.toTerraform() as { readonly resource: Readonly<Record<string, unknown>> };
    return { config, types: new Set(Object.keys(resource)) };
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

if (require.main === module) runCommand(deployerPolicyCommand);

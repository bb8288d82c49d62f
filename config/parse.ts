import { checkCommands } from "./check-commands";
import { warnAccounts, warnKeys } from "./check-keys";
import { warnVariables } from "./check-variables";
import { checkPipeline, warnPipeline } from "./checks";
import { ConfigError } from "./errors";
import { findingsOrOutput, toProblem, type Finding } from "./findings";
import { resolve, type Draft, type Parsed } from "./resolve";
import { pipelineSchema, type PipelineConfig, type PipelineInput } from "./schema";

/**
 * Checks a pipeline and fills in its defaults.
 * @throws ConfigError with every problem at once.
 */
export function parsePipeline(input: PipelineInput): PipelineConfig {
  const { draft, findings } = inspect(input);
  if (!draft || findings.length > 0) {
    throw new ConfigError(findings.map((finding) => toProblem(finding)));
  }
  return sortServices(draft.config);
}

/** What was made of an input. */
interface Inspected {
  readonly draft?: Draft;
  /** What stops. */
  readonly findings: readonly Finding[];
  /** What does not stop, but will probably not go as expected. */
  readonly warnings: readonly Finding[];
}

/**
 * All that is wrong with the input, and the pipeline as far as it can be told: services that the schema refuses are left out.
 * @param folder where paths of files begin. @default - the current folder
 */
export function inspect(input: unknown, folder = ""): Inspected {
  const result = findingsOrOutput(pipelineSchema, input);
  if ("output" in result) {
    return check(toDraft(result.output, [...result.output.services.keys()], folder), folder);
  }
  const draft = withoutServices(input, result.findings, folder);
  if (!draft) return { findings: result.findings, warnings: [] };
  const checked = check(draft, folder);
  return { ...checked, findings: [...result.findings, ...checked.findings] };
}

/** The services' order must not change what is made of them. */
export function sortServices(config: PipelineConfig): PipelineConfig {
  return { ...config, services: config.services.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

function toDraft(written: Parsed, places: readonly number[], folder: string): Draft {
  return { config: resolve(written, folder), written, places };
}

function check(draft: Draft, folder: string): Inspected {
  const commands = checkCommands(draft.written, draft.places, folder);
  return {
    draft,
    findings: [...checkPipeline(draft), ...commands.errors],
    warnings: [
      ...warnPipeline(draft.config),
      ...warnKeys(draft),
      ...warnAccounts(draft),
      ...warnVariables(draft),
      ...commands.warnings,
    ],
  };
}

/** What remains when the refused services go, so that the others are compared in the same run; nothing where more than services was refused. */
function withoutServices(input: unknown, findings: readonly Finding[], folder: string): Draft | undefined {
  const refused = new Set(findings.map(({ path: [option, place] }) => (option === "services" ? place : undefined)));
  if (refused.has(undefined) || !hasServices(input)) return undefined;
  const places = [...input.services.keys()].filter((place) => !refused.has(place));
  const result = findingsOrOutput(pipelineSchema, { ...input, services: places.map((place) => input.services[place]) });
  return "output" in result ? toDraft(result.output, places, folder) : undefined;
}

function hasServices(input: unknown): input is { readonly services: readonly unknown[] } {
  return typeof input === "object" && input !== null && "services" in input && Array.isArray(input.services);
}

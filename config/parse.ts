import { checkPipeline } from "./checks";
import { ConfigError } from "./errors";
import { findingsOrOutput, formatMessage, formatPath, type Finding } from "./findings";
import { resolve, type Draft } from "./resolve";
import { pipelineSchema, type PipelineConfig, type PipelineInput } from "./schema";

/**
 * Checks a pipeline and fills in its defaults.
 * @throws ConfigError with every problem at once.
 */
export function parsePipeline(input: PipelineInput): PipelineConfig {
  const { draft, findings } = inspect(input);
  if (!draft || findings.length > 0) {
    throw new ConfigError(
      findings.map((finding) => ({ path: formatPath(finding.path), message: formatMessage(finding) })),
    );
  }
  return sortServices(draft.config);
}

/** All that is wrong with the input, and the pipeline as far as it can be told: services that the schema refuses are left out. */
export function inspect(input: unknown): { readonly draft?: Draft; readonly findings: readonly Finding[] } {
  const result = findingsOrOutput(pipelineSchema, input);
  if ("output" in result) {
    const draft = { config: resolve(result.output), places: result.output.services.map((_, index) => index) };
    return { draft, findings: checkPipeline(draft) };
  }
  const draft = withoutServices(input, result.findings);
  return { ...(draft && { draft }), findings: [...result.findings, ...(draft ? checkPipeline(draft) : [])] };
}

/** The services' order must not change what is made of them. */
export function sortServices(config: PipelineConfig): PipelineConfig {
  return { ...config, services: config.services.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** What remains when the refused services go, so that the others are compared in the same run; nothing where more than services was refused. */
function withoutServices(input: unknown, findings: readonly Finding[]): Draft | undefined {
  const refused = new Set(findings.map(({ path: [option, place] }) => (option === "services" ? place : undefined)));
  if (refused.has(undefined) || !hasServices(input)) return undefined;
  const places = [...input.services.keys()].filter((place) => !refused.has(place));
  const result = findingsOrOutput(pipelineSchema, { ...input, services: places.map((place) => input.services[place]) });
  return "output" in result ? { config: resolve(result.output), places } : undefined;
}

function hasServices(input: unknown): input is { readonly services: readonly unknown[] } {
  return typeof input === "object" && input !== null && "services" in input && Array.isArray(input.services);
}

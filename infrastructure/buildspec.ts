import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { PipelineConfig, ServiceConfig } from "../config/schema";
import { compileBuildspec, type CompiledBuildspec } from "../core/buildspec/compile";
import { formatFinding } from "../core/buildspec/finding";
import { PUBLISHERS, readBuildspec } from "./publishers";

/** A buildspec that stands in the project itself, as JSON: nothing of it depends on how YAML is read. */
interface InlineBuildspec {
  readonly json: string;
  /** What the linter says of it, one text for each finding. */
  readonly warnings: readonly string[];
}

/**
 * The service's own buildspec, or the publisher's with commands around it; nothing where the publisher's is taken as it is.
 * @throws InvalidBuildspecError
 */
export function inlineBuildspec(
  { buildspec, before, after }: ServiceConfig,
  publisher: PipelineConfig["publisher"],
): InlineBuildspec | undefined {
  if (buildspec !== undefined) return ownBuildspec(buildspec);
  return before.length + after.length === 0 ? undefined : surround(PUBLISHERS[publisher].buildspec, before, after);
}

function ownBuildspec(path: string): InlineBuildspec {
  // The folder may be of this machine only, and warnings go into the manifest of cdktf.out.
  const file = basename(path);
  const { json, warnings } = compile(readFileSync(path, "utf8"), file);
  return { json, warnings: warnings.map((warning) => formatFinding(file, warning)) };
}

/** In the build phase, so that what comes after is not reached when publishing has failed. */
function surround(ours: string, before: readonly string[], after: readonly string[]): InlineBuildspec {
  const { phases, ...rest } = JSON.parse(compile(readBuildspec(ours), ours).json) as OurBuildspec;
  const build = { ...phases.build, commands: [...before, ...phases.build.commands, ...after] };
  const { json, warnings } = compile(JSON.stringify({ ...rest, phases: { ...phases, build } }), ours);
  // Nobody has written the lines that these findings stand in.
  return { json, warnings: warnings.map(({ rule, message }) => `before or after: warning ${rule}: ${message}`) };
}

/** As much of a publisher's buildspec as commands can be put around. */
interface OurBuildspec {
  readonly phases: { readonly build: { readonly commands: readonly string[] } };
}

/** By file and text: services have much in common, and compiling takes milliseconds. */
const compiled = new Map<string, CompiledBuildspec>();

function compile(text: string, file: string): CompiledBuildspec {
  const key = `${file}\n${text}`;
  const known = compiled.get(key);
  if (known) return known;
  const result = compileBuildspec(text, file);
  compiled.set(key, result);
  return result;
}

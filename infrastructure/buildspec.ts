import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { selectsRuntimes } from "../config/compute";
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
 * The service's own buildspec, or the publisher's with commands around it and for its image; nothing where the publisher's is taken as it is.
 * @throws InvalidBuildspecError
 */
export function inlineBuildspec(
  service: Pick<ServiceConfig, "buildspec" | "before" | "after" | "compute">,
  publisher: PipelineConfig["publisher"],
): InlineBuildspec | undefined {
  if (service.buildspec !== undefined) return ownBuildspec(service.buildspec);
  const asItIs = service.before.length + service.after.length === 0 && selectsRuntimes(service.compute);
  return asItIs ? undefined : adapt(PUBLISHERS[publisher].buildspec, service);
}

function ownBuildspec(path: string): InlineBuildspec {
  // The folder may be of this machine only, and warnings go into the manifest of cdktf.out.
  const file = basename(path);
  const { json, warnings } = compile(readFileSync(path, "utf8"), file);
  return { json, warnings: warnings.map((warning) => formatFinding(file, warning)) };
}

/** Commands go into the build phase, so that what comes after is not reached when publishing has failed. */
function adapt(
  ours: string,
  { before, after, compute }: Pick<ServiceConfig, "before" | "after" | "compute">,
): InlineBuildspec {
  const { phases, ...rest } = JSON.parse(compile(readBuildspec(ours), ours).json) as OurBuildspec;
  const adapted = {
    // It names the version of Node.js and does nothing else.
    ...(selectsRuntimes(compute) && { install: phases.install }),
    build: { ...phases.build, commands: [...before, ...phases.build.commands, ...after] },
  };
  const { json, warnings } = compile(JSON.stringify({ ...rest, phases: adapted }), ours);
  // Nobody has written the lines that these findings stand in.
  return { json, warnings: warnings.map(({ rule, message }) => `before or after: warning ${rule}: ${message}`) };
}

/** All that a publisher's buildspec does. */
interface OurBuildspec {
  readonly phases: {
    readonly install: { readonly "runtime-versions": object };
    readonly build: { readonly commands: readonly string[] };
  };
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

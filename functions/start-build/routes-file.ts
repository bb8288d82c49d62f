import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseRoutes, type RouteTable } from "../../core/routes";
import { MissingEnvironmentError, MissingRoutesError } from "./errors";

/**
 * Reads routes.json from the function's own package, whose folder Lambda names in LAMBDA_TASK_ROOT.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export function readRoutes(environment: NodeJS.ProcessEnv): RouteTable {
  const folder = environment.LAMBDA_TASK_ROOT;
  if (!folder) throw new MissingEnvironmentError("LAMBDA_TASK_ROOT", "Lambda sets it to the folder of the code");
  return parseRoutes(readText(join(folder, "routes.json")));
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new MissingRoutesError(path, { cause });
  }
}

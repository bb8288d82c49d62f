import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A program of functions/, named by its folder. */
export type FunctionName = (typeof FUNCTIONS)[number];

export const FUNCTIONS = ["start-build", "publish-image", "fetch-image"] as const;

/** Where the published package has its programs ready made (release/build.ts). A checkout has no such folder, and compiles its sources. */
const READY_MADE = join(__dirname, "..", "bundles");

const bundles = new Map<FunctionName, Buffer>();

/**
 * The program and all that it imports, the AWS SDK included, as one CommonJS file for Node 22: the runtime's own SDK changes
 * under the function and loads slower. The same bytes for the same sources, wherever they lie.
 */
export function bundleFunction(name: FunctionName): Buffer {
  const known = bundles.get(name);
  if (known) return known;
  const bundle = existsSync(READY_MADE) ? readFileSync(join(READY_MADE, `${name}.js`)) : compile(name);
  bundles.set(name, bundle);
  return bundle;
}

function compile(name: FunctionName): Buffer {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the published package has neither sources nor esbuild
  const { compileFunction } = require("./compile-function") as typeof import("./compile-function");
  return compileFunction(name);
}

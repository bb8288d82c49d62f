import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A program of functions/, named by its folder, or what one loads when it needs it. */
export type BundleName = (typeof BUNDLES)[number];

export const BUNDLES = ["start-build", "publish-image", "aws-sdk", "fetch-image"] as const;

/** Where the published package has its programs ready made (release/build.ts). A checkout has no such folder, and compiles its sources. */
const READY_MADE = join(__dirname, "..", "bundles");

const bundles = new Map<BundleName, Buffer>();

/**
 * A program and all that it imports, the AWS SDK included, as one CommonJS file for Node 22: the runtime's own SDK changes
 * under the function and loads slower. `publish-image` alone has its SDK beside it, in `aws-sdk`. The same bytes for the same sources, wherever
 * they lie.
 */
export function bundleOf(name: BundleName): Buffer {
  const known = bundles.get(name);
  if (known) return known;
  const content = existsSync(READY_MADE) ? readFileSync(join(READY_MADE, `${name}.js`)) : compile(name);
  bundles.set(name, content);
  return content;
}

function compile(name: BundleName): Buffer {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the published package has neither sources nor esbuild
  const { compileBundle } = require("./compile-bundle") as typeof import("./compile-bundle");
  return compileBundle(name);
}

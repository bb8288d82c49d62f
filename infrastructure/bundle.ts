import { join } from "node:path";
import { buildSync } from "esbuild";

/** A program of functions/, named by its folder. */
export type FunctionName = "start-build" | "publish-image" | "fetch-image";

const root = join(__dirname, "..");
const bundles = new Map<FunctionName, Buffer>();

/**
 * The program and all that it imports, the AWS SDK included, as one CommonJS file for Node 22: the runtime's own SDK changes
 * under the function and loads slower. The same bytes for the same sources, wherever they lie.
 */
export function bundleFunction(name: FunctionName): Buffer {
  const known = bundles.get(name);
  if (known) return known;
  const bundle = build(name);
  bundles.set(name, bundle);
  return bundle;
}

/**
 * In Lambda, credentials and configuration come from the environment alone. (CodeBuild hands credentials over by HTTP: the whole
 * chain stays.)
 */
const aliases: Record<FunctionName, Record<string, string>> = {
  "start-build": {
    "@aws-sdk/credential-provider-node": "./functions/start-build/credentials.ts",
    "node:fs/promises": "./functions/start-build/no-files.ts",
  },
  "publish-image": {},
  "fetch-image": {},
};

/** CodeBuild's operations stream no events, and the SDK loads this for those that do; some of S3's do. */
const externals: Record<FunctionName, string[]> = {
  "start-build": ["@smithy/core/event-streams"],
  "publish-image": [],
  "fetch-image": [],
};

/** What stands for a global. */
const injected: Record<FunctionName, string[]> = {
  "start-build": ["functions/start-build/web-crypto.ts"],
  "publish-image": [],
  "fetch-image": [],
};

function build(name: FunctionName): Buffer {
  const { outputFiles } = buildSync({
    absWorkingDir: root,
    entryPoints: [`functions/${name}/index.ts`],
    bundle: true,
    platform: "node",
    target: "node22",
    format: "cjs",
    // Unlike CommonJS, the module builds of the SDK and of Powertools can be shaken.
    mainFields: ["module", "main"],
    alias: aliases[name],
    external: externals[name],
    inject: injected[name],
    // `import("node:http")` would start Node's module loader, `require` is there already.
    supported: { "dynamic-import": false },
    minify: true,
    legalComments: "none",
    // No tsconfig.json around the sources changes the bytes.
    tsconfigRaw: {},
    logLevel: "silent",
    write: false,
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error(`esbuild wrote no file for functions/${name}`);
  return Buffer.from(output.contents);
}

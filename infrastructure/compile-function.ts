import { join } from "node:path";
import { buildSync } from "esbuild";
import type { FunctionName } from "./bundle";

const root = join(__dirname, "..");

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

/** The program of functions/ as one file. Takes half a second. */
export function compileFunction(name: FunctionName): Buffer {
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

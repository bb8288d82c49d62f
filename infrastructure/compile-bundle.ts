import { join } from "node:path";
import { buildSync, type BuildOptions } from "esbuild";
import type { BundleName } from "./bundle";

const root = join(__dirname, "..");

/** `aws-sdk` beside the file that requires it. */
const AWS_SDK = "./aws-sdk.js";

const programs: Readonly<Record<BundleName, BuildOptions>> = {
  "start-build": {
    entryPoints: ["functions/start-build/index.ts"],
    /**
     * In Lambda, credentials and configuration come from the environment alone. (CodeBuild hands credentials over by HTTP: the whole
     * chain stays.)
     */
    alias: {
      "@aws-sdk/credential-provider-node": "./functions/start-build/credentials.ts",
      "node:fs/promises": "./functions/start-build/no-files.ts",
    },
    /** CodeBuild's operations stream no events, and the SDK loads this for those that do; some of S3's do. */
    external: ["@smithy/core/event-streams"],
    /** What stands for a global. */
    inject: ["functions/start-build/web-crypto.ts"],
  },
  "publish-image": {
    entryPoints: ["functions/publish-image/index.ts"],
    alias: {
      "@aws-sdk/client-ecr": AWS_SDK,
      "@aws-sdk/client-s3": AWS_SDK,
      "@smithy/node-http-handler": AWS_SDK,
    },
    external: [AWS_SDK],
  },
  "aws-sdk": { entryPoints: ["functions/publish-image/aws-sdk.ts"] },
  "fetch-image": { entryPoints: ["functions/fetch-image/index.ts"] },
};

/** Takes half a second. */
export function compileBundle(name: BundleName): Buffer {
  const { outputFiles } = buildSync({
    ...programs[name],
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "cjs",
    // Unlike CommonJS, the module builds of the SDK and of Powertools can be shaken.
    mainFields: ["module", "main"],
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
  if (output === undefined) throw new Error(`esbuild wrote no file for ${name}`);
  return Buffer.from(output.contents);
}

import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as awsSdk from "../../functions/publish-image/aws-sdk";
import { BUNDLES, bundleOf, type BundleName } from "../../infrastructure/bundle";

const root = join(__dirname, "../..");

/** The bundle of the same sources in another folder, deeper down, as base64. */
function bundleElsewhere(name: BundleName): string {
  const folder = mkdtempSync(join(tmpdir(), "elsewhere-"));
  const copy = join(folder, "deeper/down");
  try {
    for (const part of ["core", "functions", "infrastructure/bundle.ts", "infrastructure/compile-bundle.ts"]) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    const script = `const { bundleOf } = require("./infrastructure/bundle");
      process.stdout.write(bundleOf(${JSON.stringify(name)}).toString("base64"));`;
    return execFileSync(process.execPath, ["--require", "tsx/cjs", "-e", script], {
      cwd: copy,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
      timeout: 30_000,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sourcesOf(folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    (readdirSync(join(root, folder), { recursive: true }) as string[])
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join(root, folder, file), "utf8")),
  );
}

describe.each(BUNDLES)("%s", (name) => {
  test("has the same bytes from another folder, with no tsconfig.json around", () => {
    expect(bundleElsewhere(name) === bundleOf(name).toString("base64")).toBe(true);
  });

  test("names no folder of the machine that made it", () => {
    const text = bundleOf(name).toString();
    for (const folder of [root, dirname(root), tmpdir()]) expect(text.includes(`${folder}/`)).toBe(false);
  });

  test("needs nothing beside Node", () => {
    const required = [
      ...bundleOf(name)
        .toString()
        .matchAll(/\brequire\("([^"]+)"\)/g),
    ].map(([, module]) => module!);
    const foreign = required.filter(
      (module) => !builtinModules.includes(module.replace(/^node:/, "")) && module !== "./aws-sdk.js",
    );
    expect(foreign.filter((module) => !NEVER_LOADED.includes(module))).toStrictEqual([]);
  });

  test("is made once", () => {
    expect(bundleOf(name)).toBe(bundleOf(name));
  });
});

/** The SDK looks for them when an operation streams events or signs for several regions, which none of ours does. */
const NEVER_LOADED = ["@smithy/core/event-streams", "@aws-sdk/signature-v4-crt"];

test("start-build carries no source of credentials or configuration but the environment, and is at most 220 kB", () => {
  const text = bundleOf("start-build").toString();
  expect(text).not.toContain("169.254.170.2");
  expect(text).not.toContain("AssumeRoleWithWebIdentity");
  expect(text).not.toContain("fs/promises");
  expect(text.length).toBeLessThanOrEqual(220_000);
});

test.each(["aws-sdk", "fetch-image"] as const)("%s finds its credentials where CodeBuild leaves them", (name) => {
  expect(bundleOf(name).toString()).toContain("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
});

test("publish-image loads what is the AWS SDK's from aws-sdk.js alone, which has every name that it asks for", () => {
  expect(bundleOf("publish-image").toString()).not.toContain("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const sources = sourcesOf(["core", "functions/publish-image"]);
  const asked = sources.flatMap((text) =>
    [...text.matchAll(/^import \{([^}]+)\} from "(?:@aws-sdk\/client-(?:ecr|s3)|@smithy\/[^"]+)";$/gm)].flatMap(
      ([, names = ""]) => names.split(",").map((name) => name.trim()),
    ),
  );
  const values = new Set(asked.filter((name) => name !== "" && !name.startsWith("type ")));
  expect(Object.keys(awsSdk).toSorted()).toStrictEqual([...values].toSorted());
});

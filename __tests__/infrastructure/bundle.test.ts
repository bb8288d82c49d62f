import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bundleFunction, type FunctionName } from "../../infrastructure/bundle";

const root = join(__dirname, "../..");
const names: readonly FunctionName[] = ["start-build", "publish-image", "fetch-image"];

/** The bundle of the same sources in another folder, deeper down, as base64. */
function bundleElsewhere(name: FunctionName): string {
  const folder = mkdtempSync(join(tmpdir(), "elsewhere-"));
  const copy = join(folder, "deeper/down");
  try {
    for (const part of ["core", "functions", "infrastructure/bundle.ts", "infrastructure/compile-function.ts"]) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    const script = `const { bundleFunction } = require("./infrastructure/bundle");
      process.stdout.write(bundleFunction(${JSON.stringify(name)}).toString("base64"));`;
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

describe.each(names)("%s", (name) => {
  test("has the same bytes from another folder, with no tsconfig.json around", () => {
    expect(bundleElsewhere(name) === bundleFunction(name).toString("base64")).toBe(true);
  });

  test("names no folder of the machine that made it", () => {
    const text = bundleFunction(name).toString();
    for (const folder of [root, dirname(root), tmpdir()]) expect(text.includes(`${folder}/`)).toBe(false);
  });

  test("needs nothing beside Node", () => {
    const required = [
      ...bundleFunction(name)
        .toString()
        .matchAll(/\brequire\("([^"]+)"\)/g),
    ].map(([, module]) => module!);
    const foreign = required.filter((module) => !builtinModules.includes(module.replace(/^node:/, "")));
    expect(foreign.filter((module) => !NEVER_LOADED.includes(module))).toStrictEqual([]);
  });

  test("is made once", () => {
    expect(bundleFunction(name)).toBe(bundleFunction(name));
  });
});

/** The SDK looks for them when an operation streams events or signs for several regions, which none of ours does. */
const NEVER_LOADED = ["@smithy/core/event-streams", "@aws-sdk/signature-v4-crt"];

test("start-build carries no source of credentials or configuration but the environment, and is at most 220 kB", () => {
  const text = bundleFunction("start-build").toString();
  expect(text).not.toContain("169.254.170.2");
  expect(text).not.toContain("AssumeRoleWithWebIdentity");
  expect(text).not.toContain("fs/promises");
  expect(text.length).toBeLessThanOrEqual(220_000);
});

test.each(["publish-image", "fetch-image"] as const)("%s finds its credentials where CodeBuild leaves them", (name) => {
  expect(bundleFunction(name).toString()).toContain("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
});

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { parseArgs } from "node:util";

const root = join(__dirname, "..");
const target = join(root, "docs/api");

/** Writes the reference of the package's API, made of the docstrings; with --check it only says which pages are out of date. */
function main(): void {
  const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
  const pages = render();
  const stale = [...new Set([...pages.keys(), ...pathsBelow(target)])].filter(
    (path) => pages.get(path) !== readIfThere(join(target, path)),
  );
  if (!values.check) {
    rmSync(target, { recursive: true, force: true });
    for (const [path, text] of pages) {
      mkdirSync(dirname(join(target, path)), { recursive: true });
      writeFileSync(join(target, path), text);
    }
  } else if (stale.length > 0) {
    const found = stale.map((path) => relative(root, join(target, path))).join(", ");
    console.error(`expected what the docstrings say, found other text in ${found}: run npm run api`);
    process.exitCode = 1;
  }
}

/** The pages by their paths below docs/api/. */
function render(): ReadonlyMap<string, string> {
  const out = mkdtempSync(join(tmpdir(), "api-"));
  try {
    const typedoc = join(root, "node_modules/typedoc/bin/typedoc");
    execFileSync(process.execPath, [typedoc, "--options", join(__dirname, "typedoc.json"), "--out", out], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
    return new Map(pathsBelow(out).map((path) => [path, readFileSync(join(out, path), "utf8")]));
  } finally {
    rmSync(out, { recursive: true });
  }
}

function pathsBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort();
}

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

main();

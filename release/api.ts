import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { carryOut, type Output, parseOptions, runCommand } from "../core/usage";

const root = join(__dirname, "..");
const target = join(root, "docs/api");

const HELP = `npm run api [-- --check]

Writes docs/api/, the reference of what the package exports, made of the docstrings.

  --check  writes nothing, and says which pages are out of date
  --help   this text

Exit codes: 0 written, or up to date; 1 out of date; 2 wrong usage.
`;

/** Runs the command and returns its exit code. */
export function apiCommand(args: readonly string[], output: Output): Promise<number> {
  return carryOut(HELP, args, output, () => {
    const { check = false } = parseOptions(args, { check: { type: "boolean" } });
    const pages = render();
    return check ? compare(pages, output) : write(pages);
  });
}

function write(pages: ReadonlyMap<string, string>): number {
  rmSync(target, { recursive: true, force: true });
  for (const [path, text] of pages) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    writeFileSync(join(target, path), text);
  }
  return 0;
}

function compare(pages: ReadonlyMap<string, string>, { err }: Output): number {
  const stale = [...new Set([...pages.keys(), ...pathsBelow(target)])].filter(
    (path) => pages.get(path) !== readIfThere(join(target, path)),
  );
  if (stale.length === 0) return 0;
  const found = stale.map((path) => relative(root, join(target, path))).join(", ");
  err(`expected what the docstrings say, found other text in ${found}: run npm run api\n`);
  return 1;
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

if (require.main === module) runCommand(apiCommand);

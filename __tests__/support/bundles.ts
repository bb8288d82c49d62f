import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BundleName } from "../../infrastructure/bundle";

const { BUNDLES, bundleOf: build } =
  jest.requireActual<typeof import("../../infrastructure/bundle")>("../../infrastructure/bundle");

export { BUNDLES };

const root = join(__dirname, "../..");
const SOURCES = [
  "core",
  "functions",
  "infrastructure/bundle.ts",
  "infrastructure/compile-bundle.ts",
  "package-lock.json",
];
const kept = join(root, "node_modules/.cache/bundles");
const bundles = new Map<BundleName, Buffer>();

/** A bundle of these very sources, kept between test files: esbuild takes a good half second for one, and most files need two. */
export function bundleOf(name: BundleName): Buffer {
  const known = bundles.get(name) ?? readOrBuild(name);
  bundles.set(name, known);
  return known;
}

function readOrBuild(name: BundleName): Buffer {
  const folder = join(kept, stateOf(SOURCES));
  const file = join(folder, `${name}.js`);
  try {
    return readFileSync(file);
  } catch {
    const bundle = build(name);
    for (const other of listed(kept))
      if (join(kept, other) !== folder) rmSync(join(kept, other), { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    // Other test files may be at it, too.
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, bundle);
    renameSync(draft, file);
    return bundle;
  }
}

function stateOf(sources: readonly string[]): string {
  const hash = createHash("sha256");
  for (const source of sources) {
    const path = join(root, source);
    const files = statSync(path).isDirectory() ? listed(path, true).map((name) => join(path, name)) : [path];
    for (const file of files.sort()) {
      const { size, mtimeMs } = statSync(file);
      hash.update(`${file} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest("hex").slice(0, 16);
}

function listed(folder: string, recursive = false): string[] {
  try {
    return readdirSync(folder, { recursive }) as string[];
  } catch {
    return [];
  }
}

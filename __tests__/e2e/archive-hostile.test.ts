import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildSync } from "esbuild";
import { HOSTILE } from "../support/hostile-archives";

const LIMIT = 256 << 20;

let directory: string;
let program: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "archive-hostile-"));
  program = join(directory, "open-archive.js");
  const entry = join(__dirname, "../support/open-archive.ts");
  buildSync({ entryPoints: [entry], outfile: program, bundle: true, platform: "node", target: "node20" });
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const ENDS: Readonly<Record<string, RegExp>> = {
  "a sound archive": /^read$/,
  "a gzip bomb": /^CompressionRatioError: archive is suspiciously small: /,
  "a zstd bomb": /^CompressionRatioError: archive is suspiciously small: /,
  "a zip bomb": /^CompressionRatioError: web in archive is suspiciously small: /,
  "a zip bomb that claims to be small":
    /^BrokenZipError: archive is a damaged zip: found more than 104857600 bytes when unpacking web, /,
  "a layer that is a gzip bomb": /^CompressionRatioError: [0-9a-f]{64}\/layer.tar in archive is suspiciously small: /,
  "too many entries": /^TooManyEntriesError: archive .* found more than 100000, /,
  "too many entries in gzip": /^TooManyEntriesError: archive .* found more than 100000, /,
  "names that are too long": /^NamesTooLongError: archive .* found more than 16777216 characters, /,
  "a manifest of 100 MiB":
    /^MemberTooLargeError: manifest.json in archive .* found 104857600 bytes, expected at most 4194304; /,
  "a manifest that nests": /^InvalidJsonError: .* found JSON that is more than 64 levels deep, /,
  "a manifest of empty lists": /^InvalidJsonError: .* found JSON of more than 250000 values, /,
  "a manifest of wrong images":
    /^InvalidJsonError: .* found Too big: expected array to have <=1000 items at its root, /,
  "a manifest of 100,000 layers":
    /^InvalidJsonError: .* found Too big: expected array to have <=1000 items at 0.Layers, /,
  "many large manifests": /^TooMuchJsonError: archive .* found more than 33554432 bytes of them, /,
};

test("every hostile archive is tried", () => {
  expect(Object.keys(ENDS)).toEqual(Object.keys(HOSTILE));
});

test.each(Object.entries(ENDS))("%s takes at most 256 MiB", async (name, expected) => {
  const folder = mkdtempSync(join(directory, "case-"));
  const file = join(folder, "object");
  writeFileSync(file, HOSTILE[name]!());
  const { stdout } = await promisify(execFile)(process.execPath, [program, file]);
  rmSync(folder, { recursive: true });
  const [said, peak] = stdout.trim().split("\n");
  expect(said).toMatch(expected);
  expect(Number(peak)).toBeLessThanOrEqual(LIMIT);
});

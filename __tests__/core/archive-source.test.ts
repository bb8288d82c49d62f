import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { ShortReadError } from "../../core/archive/errors";
import { openFile } from "../../core/archive/source";

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "archive-source-"));
  file = join(directory, "image.tar");
  writeFileSync(file, Buffer.alloc(3_000_000, "x"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

test("a file that shrinks while it is read is not taken for a damaged one", async () => {
  const source = await openFile(file);
  expect(await buffer(source.read(10, 2_000_010))).toHaveLength(2_000_000);
  truncateSync(file, 1_500_000);
  const failure = new ShortReadError(file, 500_000, 2_000_000);
  await expect(buffer(source.read(1_000_000, 3_000_000))).rejects.toEqual(failure);
  await expect(source.bytes(1_000_000, 3_000_000)).rejects.toEqual(failure);
  expect(failure.message).toBe(
    `reading ${file} gave 500000 bytes, expected 2000000; try again, and look at what changes it`,
  );
});

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { LIMITS } from "../../core/archive/limits";
import { openArchive, type OpenArchiveOptions } from "../../core/archive/open";
import type { RandomAccess } from "../../core/archive/source";
import { openStream, spoolTar, type SpoolOptions } from "../../core/archive/spool";
import { TarIndex } from "../../core/archive/tar";
import { verifyLayers } from "../../core/archive/verify";
import { bufferSource, dockerSave, pax, REFERENCE, sha256Hex, tar, tarEntry, zip } from "../support/archives";

const NAME = "image/web in s3://drops/web.zip";
const LARGE = 1 << 20;

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "archive-spool-"));
  file = join(directory, "archive");
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function inPieces(bytes: Buffer, size: number): () => Readable {
  const count = Math.ceil(bytes.length / size);
  return () => Readable.from(Array.from({ length: count }, (_, at) => bytes.subarray(at * size, (at + 1) * size)));
}

function spool(
  bytes: Buffer,
  options: Partial<SpoolOptions> & { readonly pieceSize?: number } = {},
): Promise<TarIndex> {
  const { pieceSize = 100_000, ...rest } = options;
  return spoolTar({ name: NAME, stream: inPieces(bytes, pieceSize), file, limits: LIMITS, ...rest });
}

const SMALL_TAR = tar(
  tarEntry("a", "x".repeat(700)),
  pax({ path: `long/${"n".repeat(600)}` }),
  tarEntry("cut", "y"),
  tarEntry("link", "", { type: "2", link: "a" }),
  tarEntry("empty"),
);

test.each([1, 7, 511, 512, 513, 100_000])(
  "a tar in pieces of %i bytes is indexed as one that is read by ranges",
  async (pieceSize) => {
    const spooled = await spool(SMALL_TAR, { pieceSize });
    const read = await TarIndex.read(bufferSource(SMALL_TAR, NAME));
    expect(spooled.names).toEqual(read.names);
    for (const name of read.names) expect(await spooled.bytes(name, "")).toEqual(await read.bytes(name, ""));
    expect((await readFile(file)).equals(SMALL_TAR)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  },
);

test("a tar that is cut anywhere fails as one that is read by ranges", async () => {
  for (let length = 512; length < SMALL_TAR.length - 512; length += 64) {
    const cut = SMALL_TAR.subarray(0, length);
    const { message } = await TarIndex.read(bufferSource(cut, NAME)).then(
      () => new Error("read"),
      (error: unknown) => error as Error,
    );
    await expect(spool(cut)).rejects.toMatchObject({ message });
  }
});

describe("blobs that are known", () => {
  const blobs = Array.from({ length: 3 }, () => randomBytes(LARGE + 1));
  const names = blobs.map((bytes) => `blobs/sha256/${sha256Hex(bytes)}`);
  const bytes = tar(
    tarEntry("first", "1"),
    ...blobs.map((blob, at) => tarEntry(names[at]!, blob)),
    tarEntry("last", "2"),
  );
  const known = (...at: readonly number[]): ((digest: string) => boolean) => {
    const digests = new Set(at.map((one) => `sha256:${sha256Hex(blobs[one]!)}`));
    return (digest) => digests.has(digest);
  };

  test("are passed by but for their first bytes", async () => {
    const asked: string[] = [];
    const passes: (readonly string[])[] = [];
    const isKnown = (digest: string): boolean => {
      asked.push(digest);
      return known(0, 2)(digest);
    };
    const index = await spool(bytes, { isKnown, onSecondPass: (wanted) => passes.push(wanted) });
    expect(asked).toEqual(blobs.map((blob) => `sha256:${sha256Hex(blob)}`));
    expect([(await index.bytes("first", "")).toString(), (await index.bytes("last", "")).toString()]).toEqual([
      "1",
      "2",
    ]);
    expect((await buffer(index.file(names[1]!, "").read(0, LARGE + 1))).equals(blobs[1]!)).toBe(true);
    expect(await index.file(names[0]!, "").bytes(0, 512)).toEqual(blobs[0]!.subarray(0, 512));
    expect(passes).toEqual([]);
    const written = await readFile(file);
    expect(written.length).toBe(bytes.length);
    const start = bytes.indexOf(blobs[0]!);
    expect(written.subarray(start + 512, start + LARGE + 1).equals(Buffer.alloc(LARGE - 511))).toBe(true);
  });

  test("are read by a second pass if they are needed after all, several by one", async () => {
    const passes: (readonly string[])[] = [];
    let streams = 0;
    const stream = (): Readable => {
      streams++;
      return inPieces(bytes, 100_000)();
    };
    const index = await spool(bytes, { stream, isKnown: () => true, onSecondPass: (wanted) => passes.push(wanted) });
    const read = async (at: number): Promise<boolean> =>
      (await buffer(index.file(names[at]!, "").read(0, LARGE + 1))).equals(blobs[at]!);
    expect(await Promise.all([read(2), read(0)])).toEqual([true, true]);
    expect(passes).toEqual([[names[0], names[2]]]);
    expect(await Promise.all([read(0), read(1), read(2)])).toEqual([true, true, true]);
    expect(passes).toEqual([[names[0], names[2]], [names[1]]]);
    expect(streams).toBe(3);
  });

  test("a second pass that fails is what the reader learns of", async () => {
    const failure = new Error("no network");
    let streams = 0;
    const stream = (): Readable => {
      if (streams++ === 0) return inPieces(bytes, 100_000)();
      return new Readable({
        read() {
          this.destroy(failure);
        },
      });
    };
    const index = await spool(bytes, { stream, isKnown: () => true });
    await expect(index.file(names[0]!, "").bytes(0, LARGE)).rejects.toBe(failure);
  });

  test.each([
    ["blobs/sha256/HEX", LARGE + 1, true],
    ["HEX.tar", LARGE + 1, true],
    ["HEX/layer.tar", LARGE + 1, true],
    ["HEX.json", LARGE + 1, false],
    ["x/blobs/sha256/HEX", LARGE + 1, false],
    ["blobs/sha256/HEX", LARGE, false],
  ])("%s of %i bytes: %s", async (pattern, size, isPassedBy) => {
    const hex = "1".repeat(64);
    const asked: string[] = [];
    const isKnown = (digest: string): boolean => {
      asked.push(digest);
      return false;
    };
    await spool(tar(tarEntry(pattern.replace("HEX", hex), Buffer.alloc(size))), { isKnown });
    expect(asked).toEqual(isPassedBy ? [`sha256:${hex}`] : []);
  });

  test.each(["deflated zip", "gzip in a zip", "gzip"])("of a %s", async (form) => {
    const layers = [randomBytes(2 * LARGE), randomBytes(2 * LARGE)];
    const archive = dockerSave({ layout: "docker25", layers });
    const object = {
      "deflated zip": () => zip({ name: "web", data: archive }),
      "gzip in a zip": () => zip({ name: "web", data: gzipSync(archive), method: "stored" as const }),
      gzip: () => gzipSync(archive),
    }[form]!();
    const passes: (readonly string[])[] = [];
    const options: OpenArchiveOptions = {
      spoolFile: (name) => join(directory, name),
      findKnown: () => Promise.resolve({ has: (digest) => digest === `sha256:${sha256Hex(layers[0]!)}` }),
      onSecondPass: (wanted) => passes.push(wanted),
    };
    const { images } = await openArchive(bufferSource(object), options);
    expect(images[0]!.references).toEqual([REFERENCE]);
    const image = await images[0]!.open();
    if (image.kind !== "image") throw new Error("an index");
    await verifyLayers([image.layers[1]!]);
    expect(passes).toEqual([]);
    await verifyLayers(image.layers);
    expect(passes).toEqual([[`blobs/sha256/${sha256Hex(layers[0]!)}`]]);
  });

  test("the checksum of the zip is verified nevertheless", async () => {
    const archive = dockerSave({ layout: "docker25", layers: [randomBytes(2 * LARGE)] });
    const object = bufferSource(zip({ name: "web", data: archive, crc: 7 }), "s3://drops/web.zip");
    const findKnown = () => Promise.resolve({ has: () => true });
    await expect(openArchive(object, { spoolFile: (name) => join(directory, name), findKnown })).rejects.toThrow(
      "s3://drops/web.zip is a damaged zip: found a wrong checksum when unpacking web",
    );
  });
});

describe("room", () => {
  const remedy =
    "make room, or choose a larger compute type, or store the archive in the zip without compression (`zip -0`), which needs no room";

  test("that a tar of known size has not", async () => {
    await expect(spool(SMALL_TAR, { size: 2 ** 52 })).rejects.toThrow(
      /^no room to unpack the archive: found \d+ bytes free in .*, expected 4503599627370496; make room, or choose a larger compute type, or store/,
    );
    await expect(spool(SMALL_TAR, { size: 2 ** 52, roomRemedy: "or none" })).rejects.toThrow(
      /expected 4503599627370496; make room, or choose a larger compute type, or none$/,
    );
    expect(await readdir(directory)).toEqual([]);
  });

  test("that one of its files has not", async () => {
    const sizeField = Buffer.alloc(12);
    sizeField.writeUInt8(0x80, 0);
    sizeField.writeBigUInt64BE(2n ** 50n, 4);
    await expect(spool(tar(tarEntry("a", "", { sizeField })))).rejects.toThrow("expected 1125899906842624; make room");
  });

  test("that something else takes meanwhile", async () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), {
      code: "ENOSPC",
      syscall: "write",
    });
    const stream = (): Readable =>
      new Readable({
        read() {
          this.destroy(full);
        },
      });
    await expect(spool(SMALL_TAR, { stream })).rejects.toThrow(
      new RegExp(
        `^no room to unpack the archive: found \\d+ bytes free in ${directory}, expected more; ${remedy.replace(/[()]/g, "\\$&")}$`,
      ),
    );
  });

  test("of more bytes than are believed", async () => {
    const limits = { ...LIMITS, archive: SMALL_TAR.length - 1 };
    await expect(spool(SMALL_TAR, { limits })).rejects.toThrow(
      `${NAME} is too large: found more than ${limits.archive} bytes`,
    );
  });
});

describe("a stream that cannot be read twice", () => {
  test("becomes a file", async () => {
    writeFileSync(file, "what was there before, and longer");
    const source: RandomAccess = await openStream(inPieces(Buffer.from("hello"), 2)(), "standard input", file);
    expect([source.name, source.size, (await source.bytes(1, 5)).toString()]).toEqual(["standard input", 5, "ello"]);
  });

  test("of more bytes than are believed is refused", async () => {
    await expect(openStream(inPieces(Buffer.from("hello"), 2)(), "standard input", file, 4)).rejects.toThrow(
      "standard input is too large: found more than 4 bytes",
    );
  });
});

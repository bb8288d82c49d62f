import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import * as zlib from "node:zlib";
import { decompress, type DecompressOptions } from "../../core/archive/decompress";
import { ArchiveError } from "../../core/archive/errors";
import { zstdFrame } from "../support/archives";

const NAME = "s3://drops/web.tar.z";
const DATA = Buffer.concat([randomBytes(200_000), Buffer.alloc(300_000), Buffer.from("end")]);
const OPTIONS: DecompressOptions = { name: NAME, maximum: 1e9, ratio: 500 };

/** In pieces of that many bytes. */
function pieces(bytes: Buffer, size = bytes.length): Readable {
  return Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size)),
  );
}

async function read(
  format: "gzip" | "zstd",
  bytes: Buffer,
  size?: number,
  options: Partial<DecompressOptions> = {},
): Promise<Buffer> {
  return buffer(decompress(pieces(bytes, size), format, { ...OPTIONS, ...options }));
}

const compress = { gzip: (bytes: Buffer) => zlib.gzipSync(bytes), zstd: (bytes: Buffer) => zstdFrame(bytes) };

describe.each(["gzip", "zstd"] as const)("%s", (format) => {
  const whole = compress[format](DATA);

  test.each([undefined, 100_000, 4096, 7])("in pieces of %s bytes", async (size) => {
    const bytes = size === 7 ? compress[format](DATA.subarray(-500)) : whole;
    expect((await read(format, bytes, size)).equals(size === 7 ? DATA.subarray(-500) : DATA)).toBe(true);
  });

  test("of nothing", async () => {
    expect(await read(format, compress[format](Buffer.alloc(0)))).toHaveLength(0);
  });

  test.each([undefined, whole.length, 1000])("in several parts, in pieces of %s bytes", async (size) => {
    const read2 = await read(format, Buffer.concat([whole, compress[format](Buffer.alloc(0)), whole]), size);
    expect(read2.equals(Buffer.concat([DATA, DATA]))).toBe(true);
  });

  test.each([undefined, whole.length, 1000])("with zeros behind it, in pieces of %s bytes", async (size) => {
    expect((await read(format, Buffer.concat([whole, Buffer.alloc(5000)]), size)).equals(DATA)).toBe(true);
  });

  const damaged = (problem: string): string =>
    `${NAME} is damaged: found ${format}-compressed data with ${problem}, expected data that \`${format} -t\` accepts; ` +
    "save the image again and upload it";

  test.each([undefined, whole.length, 1000])("with something behind it, in pieces of %s bytes", async (size) => {
    for (const rest of [Buffer.from("garbage"), Buffer.concat([Buffer.alloc(5000), Buffer.from("garbage")])]) {
      await expect(read(format, Buffer.concat([whole, rest]), size)).rejects.toMatchObject({
        message: damaged("something else behind its end"),
      });
    }
  });

  test("that is cut anywhere is truncated", async () => {
    const small = compress[format](DATA.subarray(-300_000));
    const lengths = [0, 1, 3, 5, 6, 7, 9, 12, small.length >> 1, small.length - 5, small.length - 1];
    for (const length of lengths.filter((one) => one < small.length)) {
      await expect(read(format, small.subarray(0, length))).rejects.toMatchObject({
        message:
          `${NAME} is truncated: found ${format}-compressed data without its end, expected all of it; ` +
          "compare the size with the original, save the image again and upload it",
      });
    }
  });

  test("that has one byte wrong is refused, or gives other bytes", async () => {
    for (let at = 0; at < 40; at++) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x81, at);
      await read(format, bytes).catch((error: unknown) => {
        expect(error).toBeInstanceOf(ArchiveError);
      });
    }
  });

  test("beyond a limit is refused", async () => {
    expect(await read(format, whole, undefined, { maximum: DATA.length })).toHaveLength(DATA.length);
    await expect(read(format, whole, undefined, { maximum: DATA.length - 1 })).rejects.toMatchObject({
      message:
        `${NAME} is too large: found more than ${DATA.length - 1} bytes when decompressing it, expected at most ${DATA.length - 1}; ` +
        "look at what was saved, and raise the limit if all of it is meant",
    });
  });

  test("a failing source is what its reader learns of", async () => {
    const failure = new Error("no network");
    const source = Readable.from(
      (function* () {
        yield whole.subarray(0, 100);
        throw failure;
      })(),
    );
    await expect(buffer(decompress(source, format, OPTIONS))).rejects.toBe(failure);
  });

  test("destroying it destroys its source", async () => {
    const source = new Readable({ read: () => undefined });
    source.push(whole.subarray(0, 200_000));
    const closed = new Promise((done) => source.once("close", done));
    const stream = decompress(source, format, OPTIONS);
    stream.once("data", () => stream.destroy());
    await closed;
    expect(source.destroyed).toBe(true);
  });
});

test("a bomb is stopped beyond 256 MiB", async () => {
  const stream = decompress(pieces(zstdFrame(Buffer.alloc(260 << 20))), "zstd", OPTIONS);
  let size = 0;
  await expect(
    (async () => {
      for await (const chunk of stream as AsyncIterable<Buffer>) size += chunk.length;
    })(),
  ).rejects.toThrow(
    /is suspiciously small: found \d+ bytes in \d+ compressed ones, expected at most 500 times as many; /,
  );
  expect(size).toBeLessThanOrEqual(256 << 20);
});

describe("zstd", () => {
  test("what the program writes, with checksums and known sizes", async () => {
    for (const options of [["-1"], ["-19", "--no-check"], ["-3", "--long=24"]]) {
      expect((await read("zstd", execFileSync("zstd", ["-c", ...options], { input: DATA }), 1000)).equals(DATA)).toBe(
        true,
      );
    }
  });

  test("skippable frames are passed over", async () => {
    const skippable = Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from("abc")]);
    const frame = zstdFrame(Buffer.from("x"));
    for (const size of [undefined, 1, 5]) {
      expect((await read("zstd", Buffer.concat([skippable, frame, skippable, frame]), size)).toString()).toBe("xx");
    }
  });

  test("a window of more than 128 MiB is refused", async () => {
    expect((await read("zstd", zstdFrame(Buffer.from("x"), { windowSize: 1 << 27 }))).toString()).toBe("x");
    await expect(read("zstd", zstdFrame(Buffer.from("x"), { windowSize: 1 << 28 }))).rejects.toMatchObject({
      message:
        `not supported yet: found zstd data with a window of 268435456 bytes (${NAME}), expected at most 134217728; ` +
        "compress it again by `zstd` without --long or --ultra",
    });
  });

  test("is named where nothing can decompress it", async () => {
    const path = process.env.PATH;
    process.env.PATH = "/nowhere";
    try {
      // A Node.js that has its own zstd needs no program.
      if ("zstdDecompressSync" in zlib) return;
      await expect(read("zstd", zstdFrame(DATA))).rejects.toMatchObject({
        message:
          `${NAME} cannot be decompressed: found no zstd here, expected Node.js 22.15 or later, or the program zstd on the PATH; ` +
          "take a newer Node.js or install zstd, or compress the image by gzip",
      });
    } finally {
      process.env.PATH = path;
    }
  });
});

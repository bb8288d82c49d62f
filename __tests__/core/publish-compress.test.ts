import { randomBytes } from "node:crypto";
import os from "node:os";
import zlib, { createGunzip, createGzip, gunzipSync } from "node:zlib";
import { findCompressor } from "../../core/publish/compress";
import { compressChunks } from "../../core/publish/compress/chunks";
import { compressFrame, roomFor } from "../../core/publish/compress/frame";
import { throughProgram } from "../../core/publish/compress/programs";

const MIB = 1 << 20;

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function all(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("compressing in pieces", () => {
  test("keeps their order, whichever is done first", async () => {
    const bytes = Buffer.concat([1, 2, 3, 4, 5].map((digit) => Buffer.alloc(MIB, digit)));
    let last = 50;
    const slowerFirst = async (chunk: Buffer): Promise<Buffer> => {
      await new Promise((done) => setTimeout(done, (last -= 10)));
      return chunk.subarray(0, 1);
    };
    expect(await all(compressChunks(pieces(bytes, MIB), slowerFirst, 5))).toEqual(Buffer.from([1, 2, 3, 4, 5]));
  });

  test("has no more under way than it may", async () => {
    let running = 0;
    let most = 0;
    const count = async (chunk: Buffer): Promise<Buffer> => {
      most = Math.max(most, ++running);
      await new Promise((done) => setTimeout(done, 1));
      running--;
      return chunk.subarray(0, 1);
    };
    await all(compressChunks(pieces(Buffer.alloc(20 * MIB), MIB), count, 3));
    expect(most).toBe(3);
  });

  test.each([1, 1000, MIB - 1, MIB, MIB + 1, 3 * MIB])(
    "cuts pieces of one size from a source of %i bytes at once",
    async (size) => {
      const sizes: number[] = [];
      const note = (chunk: Buffer): Promise<Buffer> => {
        sizes.push(chunk.length);
        return Promise.resolve(Buffer.from(chunk));
      };
      const bytes = randomBytes(size === 1 ? 3 : 2 * MIB + 5);
      expect((await all(compressChunks(pieces(bytes, size), note, 2))).equals(bytes)).toBe(true);
      expect(sizes).toEqual(size === 1 ? [3] : [MIB, MIB, 5]);
    },
  );

  test("fails as the source or the compressor fails", async () => {
    const broken = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.alloc(MIB);
      await Promise.reject(new Error("the source is gone"));
    };
    const pass = (chunk: Buffer): Promise<Buffer> => Promise.resolve(chunk);
    const fail = (): Promise<Buffer> => Promise.reject(new Error("no memory"));
    await expect(all(compressChunks(broken(), pass, 2))).rejects.toThrow("the source is gone");
    await expect(all(compressChunks(pieces(Buffer.alloc(3), 3), fail, 2))).rejects.toThrow("no memory");
  });
});

describe("one of Node's streams", () => {
  const flush = zlib.constants.Z_FINISH;

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["what compresses", Buffer.alloc(MIB, "text")],
    ["what does not compress", randomBytes(MIB)],
  ])("makes one whole of %s, by one turn in a thread", async (_, chunk) => {
    const stream = createGzip({ flush, ...roomFor(chunk) });
    const push = jest.spyOn(stream, "push");
    expect(gunzipSync(await compressFrame(stream, chunk)).equals(chunk)).toBe(true);
    expect(push).toHaveBeenCalledTimes(1);
    expect(stream.destroyed).toBe(true);
  });

  test("fails as the stream fails", async () => {
    const stream = createGunzip();
    await expect(compressFrame(stream, Buffer.from("no gzip"))).rejects.toThrow("incorrect header check");
    expect(stream.destroyed).toBe(true);
  });
});

describe("gzip", () => {
  test.each([0, 1, MIB, 3 * MIB + 17])("%i bytes are read back the same", async (size) => {
    const bytes = randomBytes(size);
    const { compress } = await findCompressor("gzip");
    expect(gunzipSync(await all(compress(pieces(bytes, 65_536)))).equals(bytes)).toBe(true);
  });

  test("gives the same bytes for the same source, however it is cut", async () => {
    const bytes = Buffer.from("some text that is compressible ".repeat(100_000));
    const { compress } = await findCompressor("gzip");
    const [one, other] = [await all(compress(pieces(bytes, 77_777))), await all(compress(pieces(bytes, MIB)))];
    expect(one.equals(other)).toBe(true);
  });

  test("is Node's own where there is no igzip", async () => {
    jest.replaceProperty(process, "env", { PATH: "/nowhere" });
    try {
      const { name, compress } = await findCompressor("gzip");
      expect(name).toBe("Node's gzip");
      expect(gunzipSync(await all(compress(pieces(Buffer.from("text"), 2)))).toString()).toBe("text");
    } finally {
      jest.restoreAllMocks();
    }
  });
});

test("zstd that nothing here can do is refused, with what would help", async () => {
  jest.replaceProperty(process, "env", { PATH: "/nowhere" });
  try {
    if ("zstdCompress" in (await import("node:zlib"))) {
      expect((await findCompressor("zstd")).name).toBe("Node's zstd");
    } else {
      await expect(findCompressor("zstd")).rejects.toThrow(
        `layers cannot be compressed by zstd: found Node.js ${process.versions.node} and no program zstd on the PATH, ` +
          "expected Node.js 22.15 or newer or that program; install one of them, or set compression to gzip",
      );
    }
  } finally {
    jest.restoreAllMocks();
  }
});

describe("a program", () => {
  test("that fails is named, with how it ended", async () => {
    await expect(all(throughProgram("/bin/sh", ["-c", "exit 3"], pieces(randomBytes(MIB), 1000)))).rejects.toThrow(
      "/bin/sh ended with code 3",
    );
  });

  test("is stopped when its source fails, whose failure it is", async () => {
    const broken = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.alloc(10);
      await Promise.reject(new Error("the source is gone"));
    };
    await expect(all(throughProgram("/bin/cat", [], broken()))).rejects.toThrow("the source is gone");
  });

  test.each([true, false])("has the processor after others if it yields (%s)", async (yields) => {
    const own = os.getPriority();
    // What `cat` waits for ends after the priority is set.
    const tellPriority = ["-c", "cat > /dev/null; exec cut -d ' ' -f 19 /proc/self/stat"];
    const priority = await all(throughProgram("/bin/sh", tellPriority, pieces(Buffer.alloc(3), 3), { yields }));
    expect(Number(priority.toString())).toBe(yields ? 19 : own);
  });

  test("that is not there fails", async () => {
    await expect(all(throughProgram("/nowhere/igzip", [], pieces(Buffer.alloc(3), 3)))).rejects.toThrow("ENOENT");
  });
});

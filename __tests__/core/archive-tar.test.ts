import { createHash } from "node:crypto";
import { detectFormat } from "../../core/archive/format";
import { TarIndex } from "../../core/archive/tar";
import { bufferSource, pax, tar, tarEntry } from "../support/archives";

const NAME = "image/web in s3://drops/web.zip";

async function index(bytes: Buffer): Promise<TarIndex> {
  return TarIndex.read(bufferSource(bytes, NAME));
}

async function content(bytes: Buffer, name: string): Promise<string> {
  return (await (await index(bytes)).bytes(name, "a test")).toString();
}

/** As GNU's tar writes it: without a prefix, with times in its place if there are any. */
function gnu(name: string, times: string): Buffer {
  return tarEntry(name, "x", { prefix: times, magic: ["ustar  \0", ""] });
}

describe("names", () => {
  const long = `${"d".repeat(120)}/layer.tar`;

  test.each([
    ["plain", tarEntry("a/layer.tar", "x"), "a/layer.tar"],
    ["with ./", tarEntry("./a/layer.tar", "x"), "a/layer.tar"],
    ["ustar prefix", tarEntry("layer.tar", "x", { prefix: "some/folder" }), "some/folder/layer.tar"],
    [
      "star's prefix, which ends before its times",
      tarEntry("a", "x", { prefix: `${"p".repeat(131)}${"0".repeat(11)}\0`, magic: ["ustar\x0000", "tar\0"] }),
      `${"p".repeat(131)}/a`,
    ],
    ["GNU's, with a time where ustar has the prefix", gnu("a", "14700000000\0"), "a"],
    ["GNU's, with such a time in binary", gnu("a", "\u0080"), "a"],
    [
      "GNU long name",
      Buffer.concat([tarEntry("././@LongLink", `${long}\0`, { type: "L" }), tarEntry("cut", "x")]),
      long,
    ],
    ["pax path", Buffer.concat([pax({ mtime: "1.5", path: long }), tarEntry("cut", "x")]), long],
    ["pax path beyond ASCII", Buffer.concat([pax({ path: "層/layer.tar" }), tarEntry("cut", "x")]), "層/layer.tar"],
    ["old file type", tarEntry("a", "x", { type: "\0" }), "a"],
  ])("%s", async (_form, entry, name) => {
    expect(await content(tar(tarEntry("before", "1"), entry, tarEntry("after", "2")), name)).toBe("x");
    expect(await content(tar(tarEntry("before", "1"), entry, tarEntry("after", "2")), "after")).toBe("2");
  });

  test("a global pax header is no file", async () => {
    const global = tarEntry("pax_global_header", "16 comment=0123\n", { type: "g" });
    expect((await index(tar(global, tarEntry("a", "x")))).names).toEqual(["a"]);
  });
});

describe("sizes", () => {
  const base256 = (size: bigint): Buffer => {
    const field = Buffer.alloc(12);
    field.writeUInt8(0x80, 0);
    field.writeBigUInt64BE(size, 4);
    return field;
  };

  test("base-256", async () => {
    expect(await content(tar(tarEntry("a", "xyz", { sizeField: base256(3n) }), tarEntry("b", "2")), "a")).toBe("xyz");
  });

  test("a pax size stands above the header's", async () => {
    const bytes = tar(
      pax({ size: "3" }),
      tarEntry("a", "xyz", { sizeField: Buffer.from("00000000000\0") }),
      tarEntry("b", "2"),
    );
    expect(await content(bytes, "a")).toBe("xyz");
    expect(await content(bytes, "b")).toBe("2");
  });

  test("links have no data, whatever their size says", async () => {
    const link = tarEntry("link", "", { type: "2", link: "a", sizeField: Buffer.from("00000000777\0") });
    expect(await content(tar(link, tarEntry("a", "x")), "link")).toBe("x");
  });

  test.each([
    ["base-256 beyond 2^53", base256(2n ** 60n)],
    ["negative base-256", Buffer.alloc(12, 0xff)],
    ["no octal", Buffer.from("99999999999\0")],
  ])("%s is refused", async (_form, sizeField) => {
    await expect(index(tar(tarEntry("a", "x", { sizeField })))).rejects.toThrow(
      `${NAME} is a damaged tar: found an impossible size at byte 0, expected a tar that \`tar -t\` accepts; ` +
        "save the image again with `docker save` and upload it",
    );
  });

  test.each(["5 path", "99 path=a\n", "0 path=a\n", "x path=a\n", "7 path\n\n"])(
    "the pax record %j is refused",
    async (record) => {
      await expect(index(tar(tarEntry("x", record, { type: "x" }), tarEntry("a", "x")))).rejects.toThrow(
        `${NAME} is a damaged tar: found a malformed pax record at byte 0`,
      );
    },
  );
});

describe("links", () => {
  const link = (name: string, target: string, type = "2"): Buffer => tarEntry(name, "", { type, link: target });

  test.each([
    ["symbolic, from its own folder", link("b/layer.tar", "../a/layer.tar")],
    ["hard, from the root", link("b/layer.tar", "a/layer.tar", "1")],
    ["over another link", Buffer.concat([link("b/layer.tar", "../c"), link("c", "a/layer.tar")])],
    ["with a pax target", Buffer.concat([pax({ linkpath: "../a/layer.tar" }), link("b/layer.tar", "cut")])],
    [
      "with a GNU target",
      Buffer.concat([tarEntry("l", "../a/layer.tar\0", { type: "K" }), link("b/layer.tar", "cut")]),
    ],
    [
      "with a GNU name and a GNU target",
      Buffer.concat([
        tarEntry("l", "../a/layer.tar\0", { type: "K" }),
        tarEntry("l", "b/layer.tar\0", { type: "L" }),
        link("cut", "cut"),
      ]),
    ],
    [
      "with a GNU name and a pax target",
      Buffer.concat([
        tarEntry("l", "b/layer.tar\0", { type: "L" }),
        pax({ linkpath: "../a/layer.tar" }),
        link("cut", "cut"),
      ]),
    ],
  ])("%s", async (_form, entry) => {
    expect(await content(tar(tarEntry("a/layer.tar", "x"), entry), "b/layer.tar")).toBe("x");
  });

  test.each([
    ["a loop", Buffer.concat([link("a", "b"), link("b", "a")]), "a, which links to itself"],
    ["the way out", link("a", "../../etc/passwd"), "a, which points out of the archive"],
    ["an absolute path", link("a", "/etc/passwd"), "a, which points out of the archive"],
  ])("%s is refused", async (_form, entries, problem) => {
    const archive = await index(tar(entries));
    expect(() => archive.file("a", "manifest.json")).toThrow(
      `${NAME} has an unusable link: found ${problem}, expected a link to a file of the archive; ` +
        "save the image again with `docker save` and upload it",
    );
  });

  test("a target that is not there is named with what wants it", async () => {
    const archive = await index(tar(link("a", "b")));
    expect(() => archive.file("a", "manifest.json")).toThrow(
      `${NAME} is incomplete: found no b, expected it since a names it; save the image again with \`docker save\` and upload it`,
    );
    expect(() => archive.file("c", "manifest.json")).toThrow(
      `${NAME} is incomplete: found no c, expected it since manifest.json names it`,
    );
  });
});

describe("what readers resolve differently is refused", () => {
  const long = (type: string, name: string): Buffer => tarEntry("././@LongLink", `${name}\0`, { type });
  const global = (records: string): Buffer => tarEntry("pax_global_header", records, { type: "g" });

  test.each<[string, Buffer[], string, number]>([
    ["a pax path after a GNU one", [long("L", "a"), pax({ path: "b" })], "a second path of one entry", 1024],
    ["a GNU path after a pax one", [pax({ path: "b" }), long("L", "a")], "a second path of one entry", 1024],
    ["two GNU paths", [long("L", "a"), long("L", "b")], "a second path of one entry", 1024],
    [
      "a pax target after a GNU one",
      [long("K", "a"), long("L", "b"), pax({ linkpath: "b" })],
      "a second linkpath of one entry",
      2048,
    ],
    ["two pax sizes", [pax({ size: "1" }), pax({ size: "1" })], "a second size of one entry", 1024],
    [
      "two pax headers, the second without a path",
      [pax({ path: "a" }), pax({ mtime: "1" })],
      "a second pax header of one entry",
      1024,
    ],
    ["an empty pax path", [pax({ path: "" })], "an empty path", 0],
    ["an empty pax target", [pax({ linkpath: "" })], "an empty linkpath", 0],
    ["an empty GNU path", [long("L", "")], "an empty path", 0],
    ["an empty GNU target", [long("K", "")], "an empty linkpath", 0],
    ["a global path", [global("10 path=b\n")], "a path of all entries", 0],
    ["a global size", [global("10 size=1\n")], "a size of all entries", 0],
    [
      "a global header between a path and its entry",
      [pax({ path: "a" }), global("16 comment=0123\n")],
      "a global header between those of an entry",
      1024,
    ],
  ])("%s", async (_form, extensions, problem, offset) => {
    await expect(index(tar(...extensions, tarEntry("c", "x")))).rejects.toMatchObject({
      message:
        `${NAME} is a damaged tar: found ${problem} at byte ${offset}, expected a tar that \`tar -t\` accepts; ` +
        "save the image again with `docker save` and upload it",
    });
  });

  test.each(["folder", "012345670123folder"])("what are no times where a GNU header has them: %s", async (times) => {
    await expect(index(tar(tarEntry("b"), gnu("a", times)))).rejects.toMatchObject({
      message:
        `${NAME} is a damaged tar: found a prefix of a in a GNU header at byte 512, expected a tar that \`tar -t\` accepts; ` +
        "save the image again with `docker save` and upload it",
    });
  });

  test("each entry has extensions of its own", async () => {
    const entries = [pax({ path: "a" }), tarEntry("cut", "x"), long("L", "b"), tarEntry("cut", "y")];
    expect((await index(tar(...entries, pax({ path: "c" }), tarEntry("cut", "z")))).names).toEqual(["a", "b", "c"]);
  });
});

describe("what cannot be used", () => {
  test.each(["./a", "/a", "//./a"])("a file that occurs twice, the second time as %s", async (name) => {
    const archive = await index(tar(tarEntry("a", "x"), tarEntry(name, "y")));
    expect(() => archive.file("a", "manifest.json")).toThrow(
      `${NAME} is ambiguous: found several entries named a, expected one; save the image again into a new file and upload it`,
    );
  });

  test.each([
    ["GNU", tarEntry("a", "x", { type: "S" })],
    ["pax", Buffer.concat([pax({ "GNU.sparse.major": "1" }), tarEntry("a", "x")])],
  ])("a sparse file (%s)", async (_form, entry) => {
    await expect(index(tar(tarEntry("b"), entry))).rejects.toMatchObject({
      message: `not supported yet: found a sparse file (a in ${NAME}), expected plain files; save the image again with \`docker save\``,
    });
  });

  test("JSON of more than 4 MiB", async () => {
    const limit = 4 * 1024 * 1024;
    await expect(content(tar(tarEntry("a", Buffer.alloc(limit))), "a")).resolves.toHaveLength(limit);
    await expect(content(tar(tarEntry("a", Buffer.alloc(limit + 1))), "a")).rejects.toThrow(
      `a in ${NAME} is too large: found ${limit + 1} bytes, expected at most ${limit}; save the image again with \`docker save\``,
    );
  });

  test("a name of more than 1 MiB", async () => {
    const entry = tarEntry("long", Buffer.alloc(1024 * 1024 + 1, "a"), { type: "L" });
    await expect(index(tar(entry, tarEntry("a", "x")))).rejects.toThrow(`${NAME} is too large: found 1048577 bytes`);
  });

  test("more than 100,000 entries", async () => {
    const header = tarEntry("a");
    const endless = {
      ...bufferSource(Buffer.alloc(0), NAME),
      size: Number.MAX_SAFE_INTEGER,
      bytes: () => Promise.resolve(header),
    };
    await expect(TarIndex.read(endless)).rejects.toThrow(
      `${NAME} has too many entries: found more than 100000, expected at most 100000; save one image per archive`,
    );
  });

  test("names of more than 16 Mi characters in all", async () => {
    const long = tarEntry("long", Buffer.alloc(1024 * 1024, "a"), { type: "L" });
    const entries = Array.from({ length: 16 }, (_, at) => Buffer.concat([long, tarEntry("a", String(at))]));
    expect((await index(tar(...entries))).names).toHaveLength(1);
    await expect(index(tar(...entries, tarEntry("b")))).rejects.toThrow(
      `${NAME} has too long names: found more than 16777216 characters, expected at most 16777216 in all; save the image again with \`docker save\``,
    );
  });

  test("a block that is no header", async () => {
    const bytes = tar(tarEntry("a", "x"), tarEntry("b", "y"));
    bytes.write("c", 1024);
    await expect(index(bytes)).rejects.toThrow(
      `${NAME} is a damaged tar: found no valid header at byte 1024, expected`,
    );
  });
});

test("a tar that is cut anywhere is truncated, not something else", async () => {
  const whole = tar(tarEntry("a", "x".repeat(700)), pax({ path: "b" }), tarEntry("cut", "y"));
  for (let length = 512; length < whole.length - 512; length += 64) {
    const reading = index(whole.subarray(0, length));
    await expect(reading).rejects.toThrow(/^image\/web in s3:\/\/drops\/web.zip is truncated: found /);
  }
  await expect(index(whole.subarray(0, 1000))).rejects.toThrow(
    `${NAME} is truncated: found 488 of 700 bytes of a at its end (1000 bytes), expected a whole tar; ` +
      "save the image again with `docker save`, check that it ended without an error, and upload it",
  );
  await expect(index(whole.subarray(0, 1536))).rejects.toThrow(`found no end mark at its end (1536 bytes)`);
});

test("formats are told by content", () => {
  const noise = createHash("sha512").update("noise").digest();
  const tarHead = tarEntry("a");
  // A header summed as signed bytes by an old writer.
  const signed = tarEntry("é");
  const sum = Number.parseInt(signed.toString("latin1", 148, 154), 8);
  signed.write((sum - 512).toString(8).padStart(6, "0"), 148);
  expect(
    [
      Buffer.alloc(0),
      Buffer.from("PK\x03\x04"),
      Buffer.from("PK\x05\x06"),
      Buffer.from([0x1f, 0x8b]),
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
      tarHead,
      signed,
      tarHead.subarray(0, 511),
      Buffer.alloc(512),
      noise,
    ].map(detectFormat),
  ).toEqual(["empty", "zip", "zip", "gzip", "zstd", "tar", "tar", "unknown", "unknown", "unknown"]);
});

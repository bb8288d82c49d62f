import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { crc32, deflateRawSync, gzipSync } from "node:zlib";
import { ZipFile, type EndOptions } from "yazl";
import { LIMITS, type ArchiveLimits } from "../../core/archive/limits";
import { findZipMember, readZipMember, sliceZipMember } from "../../core/archive/zip";
import { bufferSource, tar, tarEntry, zip, zstdFrame, type ZipMemberOptions } from "../support/archives";

const NAME = "s3://drops/web.zip";
const MEMBER = "image/web";
const DATA = Buffer.from("layer ".repeat(1000));

async function read(bytes: Buffer, name?: string): Promise<Buffer> {
  const source = bufferSource(bytes, NAME);
  return buffer(readZipMember(source, await findZipMember(source, name ?? MEMBER)));
}

async function yazl(add: (file: ZipFile) => void, options?: EndOptions): Promise<Buffer> {
  const file = new ZipFile();
  add(file);
  file.end(options);
  return buffer(file.outputStream);
}

test.each([
  ["stored", zip({ name: MEMBER, data: DATA, method: "stored" })],
  ["deflated", zip({ name: MEMBER, data: DATA })],
  [
    "among others, last",
    zip(
      { name: "README", data: Buffer.from("r") },
      { name: "image/", data: Buffer.alloc(0) },
      { name: MEMBER, data: DATA },
    ),
  ],
])("%s", async (_form, bytes) => {
  expect(await read(bytes)).toEqual(DATA);
});

test.each([
  ["zip64, stored", { compress: false, forceZip64Format: true }],
  ["zip64, deflated", { compress: true, forceZip64Format: true }],
])("%s", async (_form, options) => {
  expect(
    await read(
      await yazl(
        (file) => {
          file.addBuffer(DATA, MEMBER, options);
        },
        { forceZip64Format: true, comment: "" },
      ),
    ),
  ).toEqual(DATA);
});

test("sizes behind the data", async () => {
  const bytes = await yazl((file) => {
    file.addReadStream(Readable.from([DATA]), MEMBER);
  });
  expect(await read(bytes)).toEqual(DATA);
});

/** A local header's zip64 extra field of these sizes. */
function zip64(...sizes: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * sizes.length);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(8 * sizes.length, 2);
  for (const [at, size] of sizes.entries()) field.writeBigUInt64LE(BigInt(size), 4 + 8 * at);
  return field;
}

const IN_ZIP64 = 0xffffffff;
const TIMES = Buffer.from("5554050001ffffff7f", "hex");

test.each<[string, ZipMemberOptions["local"]]>([
  ["both", { size: IN_ZIP64, compressedSize: IN_ZIP64, extraField: zip64(DATA.length, deflateRawSync(DATA).length) }],
  [
    "both, behind another field",
    {
      size: IN_ZIP64,
      compressedSize: IN_ZIP64,
      extraField: Buffer.concat([TIMES, zip64(DATA.length, deflateRawSync(DATA).length)]),
    },
  ],
  ["one", { size: IN_ZIP64, extraField: zip64(DATA.length) }],
  ["the compressed one", { compressedSize: IN_ZIP64, extraField: zip64(deflateRawSync(DATA).length) }],
])("sizes in the local header's zip64 field: %s", async (_form, local) => {
  expect(await read(zip({ name: MEMBER, data: DATA, local }))).toEqual(DATA);
});

test.each<[string, ZipMemberOptions["local"]]>([
  ["zeros", { crc: 0, size: 0, compressedSize: 0 }],
  ["its size alone, as Info-ZIP does", { crc: 0, size: DATA.length, compressedSize: 0 }],
  ["zip64 without sizes", { crc: 0, size: IN_ZIP64, compressedSize: IN_ZIP64, extraField: zip64(0, 0) }],
])("a local header that was written before the data, with %s", async (_form, local) => {
  expect(await read(zip({ name: MEMBER, data: DATA, flags: 8, local }))).toEqual(DATA);
});

test("a name beyond ASCII", async () => {
  expect(
    await read(
      await yazl((file) => {
        file.addBuffer(DATA, "image/層");
      }),
      "image/層",
    ),
  ).toEqual(DATA);
});

test("a stored member can be read where it is", async () => {
  const bytes = zip(
    { name: "first", data: Buffer.alloc(500_000), method: "stored" },
    { name: MEMBER, data: DATA, method: "stored" },
  );
  const source = bufferSource(bytes, NAME);
  const member = await findZipMember(source, MEMBER);
  const opened = sliceZipMember(source, member);
  const before = source.reads.length;
  expect((await opened.bytes(6, 11)).toString()).toBe("layer");
  expect(source.reads.slice(before)).toEqual([[member.start + 6, member.start + 11]]);
});

describe("without a name", () => {
  const TAR = tar(tarEntry("a", "x"));
  const find = async (...members: readonly ZipMemberOptions[]): Promise<string> =>
    (await findZipMember(bufferSource(zip(...members), NAME))).name;

  test.each<[string, ZipMemberOptions[]]>([
    ["the only member, whatever it holds", [{ name: "one", data: DATA }]],
    [
      "the only one that is no folder",
      [
        { name: "folder/", data: Buffer.alloc(0) },
        { name: "one", data: DATA },
      ],
    ],
    [
      "the only tar",
      [
        { name: "README", data: DATA },
        { name: "one", data: TAR },
      ],
    ],
    [
      "the only gzip, stored",
      [
        { name: "one", data: gzipSync(TAR), method: "stored" },
        { name: "empty", data: Buffer.alloc(0) },
      ],
    ],
    [
      "the only zstd",
      [
        { name: "other", data: DATA },
        { name: "one", data: zstdFrame(TAR) },
      ],
    ],
    [
      "the only one that can be read",
      [
        { name: "secret", data: TAR, flags: 1 },
        { name: "odd", data: TAR, methodField: 93 },
        { name: "one", data: TAR },
      ],
    ],
  ])("%s", async (_what, members) => {
    expect(await find(...members)).toBe(`one in ${NAME}`);
  });

  test.each<[string, ZipMemberOptions[], string]>([
    ["nothing", [], "no image archive: found no members"],
    ["folders alone", [{ name: "folder/", data: Buffer.alloc(0) }], "no image archive: found no members"],
    [
      "no archive among several",
      [
        { name: "README", data: DATA },
        { name: "LICENSE", data: DATA },
      ],
      "no image archive: found README, LICENSE",
    ],
    [
      "several archives",
      [
        { name: "a", data: TAR },
        { name: "README", data: DATA },
        { name: "b", data: gzipSync(TAR) },
      ],
      "several image archives: found a, b",
    ],
  ])("%s is refused", async (_what, members, problem) => {
    const remedy = problem.startsWith("no")
      ? "zip the output of `docker save`"
      : "name the member that is meant by its path";
    await expect(find(...members)).rejects.toMatchObject({
      message: `${NAME} has ${problem}, expected one member that is a tar, or a tar compressed by gzip or zstd; ${remedy}`,
    });
  });

  test("of more than 100 files none is looked at", async () => {
    const members = Array.from({ length: 101 }, (_, at) => ({ name: `${at}`, data: TAR }));
    await expect(find(...members)).rejects.toThrow(
      "found 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 91 more, expected one member",
    );
  });
});

const damaged = (problem: string): string =>
  `${NAME} is a damaged zip: found ${problem}, expected a zip that \`unzip -t\` accepts; zip and upload it again`;

test.each([
  [
    "no such member",
    zip({ name: "web", data: DATA }, { name: "image/api", data: DATA }),
    `${NAME} has no image archive at image/web: found web, image/api, expected a member named exactly image/web; ` +
      "zip the archive under that path, or set the service's archive path to where it is",
  ],
  [
    "nothing in it",
    zip(),
    `${NAME} has no image archive at image/web: found no members, expected a member named exactly image/web; ` +
      "zip the archive under that path, or set the service's archive path to where it is",
  ],
  [
    "two of that name",
    zip({ name: MEMBER, data: DATA }, { name: MEMBER, data: DATA }),
    `${NAME} is ambiguous: found several entries named image/web, expected one; save the image again into a new file and upload it`,
  ],
  [
    "encrypted",
    zip({ name: MEMBER, data: DATA, flags: 1 }),
    `not supported yet: found an encrypted zip (image/web in ${NAME}), expected a zip without a password; zip it again without one`,
  ],
  [
    "strongly encrypted",
    zip({ name: MEMBER, data: DATA, flags: 0x41 }),
    `not supported yet: found an encrypted zip (${NAME}), expected a zip without a password; zip it again without one`,
  ],
  [
    "another method",
    zip({ name: MEMBER, data: DATA, methodField: 93 }),
    `not supported yet: found image/web compressed by zstd in ${NAME}, expected a stored or deflated member; zip it again with \`zip -0\` or \`zip\``,
  ],
  [
    "an unknown method",
    zip({ name: MEMBER, data: DATA, methodField: 77 }),
    `not supported yet: found image/web compressed by method 77 in ${NAME}, expected a stored or deflated member; zip it again with \`zip -0\` or \`zip\``,
  ],
  [
    "another local name",
    zip({ name: MEMBER, data: DATA, local: { name: "image/api" } }),
    damaged("name image/api in the local header and image/web in the directory for image/web"),
  ],
  [
    "another local method",
    zip({ name: MEMBER, data: DATA, local: { methodField: 0 } }),
    damaged("compression method 0 in the local header and 8 in the directory for image/web"),
  ],
  [
    "another local checksum",
    zip({ name: MEMBER, data: DATA, crc: 7, local: { crc: 8 } }),
    damaged("checksum 8 in the local header and 7 in the directory for image/web"),
  ],
  [
    "another local size in zip64",
    zip({
      name: MEMBER,
      data: DATA,
      method: "stored",
      local: { size: IN_ZIP64, compressedSize: IN_ZIP64, extraField: zip64(DATA.length, 3) },
    }),
    damaged("size 3 in the local header and 6000 in the directory for image/web"),
  ],
  [
    "another uncompressed local size in zip64",
    zip({ name: MEMBER, data: DATA, local: { size: IN_ZIP64, extraField: zip64(3) } }),
    damaged("size 3 in the local header and 6000 in the directory for image/web"),
  ],
  [
    "no zip64 field",
    zip({ name: MEMBER, data: DATA, local: { size: IN_ZIP64, extraField: TIMES } }),
    damaged("0 zip64 fields in the local header for image/web"),
  ],
  [
    "two zip64 fields",
    zip({
      name: MEMBER,
      data: DATA,
      local: { size: IN_ZIP64, extraField: Buffer.concat([zip64(DATA.length), zip64(3)]) },
    }),
    damaged("2 zip64 fields in the local header for image/web"),
  ],
  [
    "one size in zip64 instead of two",
    zip({
      name: MEMBER,
      data: DATA,
      local: { size: IN_ZIP64, compressedSize: IN_ZIP64, extraField: zip64(DATA.length) },
    }),
    damaged("a zip64 field without a size in the local header for image/web"),
  ],
  [
    "encrypted by its local header alone",
    zip({ name: MEMBER, data: DATA, local: { flags: 1 } }),
    damaged("flags 1 in the local header and 0 in the directory for image/web"),
  ],
  [
    "with its sizes behind the data by its local header alone",
    zip({ name: MEMBER, data: DATA, local: { flags: 8 } }),
    damaged("flags 8 in the local header and 0 in the directory for image/web"),
  ],
  [
    "with its sizes behind the data by the directory alone",
    zip({ name: MEMBER, data: DATA, flags: 8, local: { flags: 0 } }),
    damaged("flags 0 in the local header and 8 in the directory for image/web"),
  ],
  ["a wrong checksum", zip({ name: MEMBER, data: DATA, crc: 7 }), damaged("a wrong checksum when unpacking image/web")],
  [
    "more than it says",
    zip({ name: MEMBER, data: DATA, size: 5999 }),
    damaged("more than 5999 bytes when unpacking image/web"),
  ],
  [
    "less than it says",
    zip({ name: MEMBER, data: DATA, size: 6001 }),
    damaged("6000 of 6001 bytes when unpacking image/web"),
  ],
  [
    "a path out of it",
    zip({ name: "../../etc/passwd", data: DATA }),
    damaged("invalid relative path: ../../etc/passwd"),
  ],
])("%s is refused", async (_form, bytes, message) => {
  await expect(read(bytes)).rejects.toMatchObject({ message });
});

test("of many members, and of long names, a message shows the beginning", async () => {
  const members = Array.from({ length: 12 }, (_, at) => ({ name: `${at}${"x".repeat(1000)}`, data: Buffer.alloc(0) }));
  const shown = members.slice(0, 10).map(({ name }) => `${name.slice(0, 400)}...`);
  await expect(read(zip(...members))).rejects.toThrow(`found ${shown.join(", ")} and 2 more, expected a member`);
});

test.each(["stored", "deflated"] as const)(
  "a size beyond the limit is refused before anything is read: %s",
  async (method) => {
    const find = (limits: Partial<ArchiveLimits>): Promise<unknown> =>
      findZipMember(bufferSource(zip({ name: MEMBER, data: DATA, method }), NAME), MEMBER, { ...LIMITS, ...limits });
    await find({ archive: DATA.length });
    await expect(find({ archive: DATA.length - 1 })).rejects.toMatchObject({
      message:
        `image/web in ${NAME} is too large: found 6000 bytes, expected at most 5999; ` +
        "look at what was saved, and raise the limit if all of it is meant",
    });
  },
);

test("a member that claims to be 500 times as large as it is in the zip", async () => {
  const size = 1 << 29;
  const bytes = zip({ name: MEMBER, data: DATA, size });
  const compressedSize = deflateRawSync(DATA).length;
  await expect(findZipMember(bufferSource(bytes, NAME), MEMBER)).rejects.toMatchObject({
    message:
      `image/web in ${NAME} is suspiciously small: found ${size} bytes in ${compressedSize} compressed ones, expected at most 500 times as many; ` +
      "look at what was saved, and upload it uncompressed if all of it is meant",
  });
});

test("more than the deflated data in a member is refused, and waits for nothing", async () => {
  const data = Buffer.concat([deflateRawSync(DATA), Buffer.from("more")]);
  const bytes = zip({ name: MEMBER, data, method: "stored", methodField: 8, size: DATA.length, crc: crc32(DATA) });
  await expect(read(bytes)).rejects.toMatchObject({
    message: damaged("something behind the end when unpacking image/web"),
  });
});

test("a member that ends behind the zip", async () => {
  const bytes = zip({ name: MEMBER, data: DATA, method: "stored" });
  // In the local header and in the directory.
  for (const at of [18, 22, bytes.length - 22 - 46 - MEMBER.length + 20, bytes.length - 22 - 46 - MEMBER.length + 24]) {
    bytes.writeUInt32LE(1_000_000, at);
  }
  await expect(read(bytes)).rejects.toMatchObject({
    message: damaged(`file data overflows file bounds: 39 + 1000000 > ${bytes.length}`),
  });
});

test("a zip that is cut anywhere is named so", async () => {
  const whole = zip({ name: MEMBER, data: DATA, method: "stored" });
  for (const length of [4, 30, 3000, whole.length - 22, whole.length - 1]) {
    await expect(read(whole.subarray(0, length))).rejects.toThrow(
      `${NAME} is truncated: found the start of a zip but not its end in ${length} bytes, expected the whole zip; ` +
        "compare the size with the original and upload it again",
    );
  }
});

test("what the source throws is not taken for the zip's fault", async () => {
  const failure = new Error("no network");
  const source = { ...bufferSource(zip({ name: MEMBER, data: DATA }), NAME), bytes: () => Promise.reject(failure) };
  await expect(findZipMember(source, MEMBER)).rejects.toMatchObject({ cause: failure });
});

import { mkdtempSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { ZipFile, type EndOptions } from "yazl";
import { findZipMember, openZipMember, writeZipMember } from "../../core/archive/zip";
import { bufferSource, zip } from "../support/archives";

const NAME = "s3://drops/web.zip";
const MEMBER = "image/web";
const DATA = Buffer.from("layer ".repeat(1000));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "archive-zip-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

async function read(bytes: Buffer, name = MEMBER): Promise<Buffer> {
  const source = bufferSource(bytes, NAME);
  const opened = await openZipMember(source, await findZipMember(source, name), directory);
  return opened.bytes(0, opened.size);
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

test("a stored member is read where it is: nothing is written", async () => {
  const bytes = zip(
    { name: "first", data: Buffer.alloc(500_000), method: "stored" },
    { name: MEMBER, data: DATA, method: "stored" },
  );
  const source = bufferSource(bytes, NAME);
  const member = await findZipMember(source, MEMBER);
  const opened = await openZipMember(source, member, directory);
  const before = source.reads.length;
  expect((await opened.bytes(6, 11)).toString()).toBe("layer");
  expect(source.reads.slice(before)).toEqual([[member.start + 6, member.start + 11]]);
  expect(await readdir(directory)).toEqual([]);
});

test("an inflated member gets a name of ours, never the zip's", async () => {
  await read(zip({ name: "image/tricky name", data: DATA }), "image/tricky name");
  expect(await readdir(directory)).toEqual(["archive"]);
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

test("a disk that fills up meanwhile", async () => {
  const source = bufferSource(zip({ name: MEMBER, data: DATA }), NAME);
  const member = await findZipMember(source, MEMBER);
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  const filling = {
    ...source,
    read: () =>
      new Readable({
        read: (): never => {
          throw full;
        },
      }),
  };
  await expect(openZipMember(filling, member, directory)).rejects.toThrow(/^no room to unpack the archive: found/);
});

test("more than fits on the disk is refused before it is written", async () => {
  const source = bufferSource(zip({ name: MEMBER, data: DATA }), NAME);
  const member = { ...(await findZipMember(source, MEMBER)), size: 2 ** 52 };
  await expect(openZipMember(source, member, directory)).rejects.toThrow(
    /^no room to unpack the archive: found \d+ bytes free in .*, expected 4503599627370496; choose a larger compute type, or store the archive in the zip without compression \(`zip -0`\), which needs no room$/,
  );
  await expect(writeZipMember(source, member, join(directory, "file"), { roomRemedy: "or none" })).rejects.toThrow(
    /expected 4503599627370496; choose a larger compute type, or none$/,
  );
  expect(await readdir(directory)).toEqual([]);
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

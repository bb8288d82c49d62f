import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { ArchiveError } from "../../core/archive/errors";
import { openArchive } from "../../core/archive/open";
import { selectImage } from "../../core/archive/select";
import { verifyLayers } from "../../core/archive/verify";
import {
  bufferSource,
  containerdSave,
  dockerSave,
  multiPlatform,
  nameFields,
  ociImage,
  ociLayout,
  REFERENCE,
  zip,
  zstdFrame,
} from "../support/archives";

const LAYOUTS = {
  legacy: dockerSave(),
  docker25: dockerSave({ layout: "docker25" }),
  containerd: containerdSave(),
  oci: ociLayout({ listed: [[ociImage({ compression: "zstd" }), nameFields(REFERENCE)]] }),
  index: ociLayout({ listed: [[multiPlatform(), nameFields(REFERENCE)]] }),
};

const other = { name: "README", data: Buffer.from("read me") };
const WRAPPINGS = {
  bare: (tar: Buffer) => tar,
  gzip: (tar: Buffer) => gzipSync(tar),
  zstd: (tar: Buffer) => zstdFrame(tar),
  stored: (tar: Buffer) => zip({ name: "image/web", data: tar, method: "stored" }, other),
  deflated: (tar: Buffer) => zip(other, { name: "image/web", data: tar }),
  "gzip in a zip": (tar: Buffer) => zip({ name: "image/web", data: gzipSync(tar), method: "stored" }, other),
};

/** A change of bytes; places are parts of the whole, from 0 to 1. */
type Mutation = (bytes: Buffer) => Buffer;

const place = fc.noBias(fc.nat(0xffff_ffff).map((part) => part / 2 ** 32));
/** Where headers lie more often than chance would have it. */
const header = fc.constantFrom("PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "ustar", "{", "\x28\xb5\x2f\xfd", "\x1f\x8b");

const flip = fc.tuple(place, fc.nat(7)).map(([at, bit]): Mutation => (bytes) => {
  const changed = Buffer.from(bytes);
  const index = Math.floor(at * bytes.length);
  if (index < bytes.length) changed.writeUInt8(changed.readUInt8(index) ^ (1 << bit), index);
  return changed;
});
const cut = place.map(
  (at): Mutation =>
    (bytes) =>
      bytes.subarray(0, Math.floor(at * bytes.length)),
);
const moveBlocks = fc
  .tuple(place, place, fc.integer({ min: 1, max: 8 }), fc.constantFrom("remove", "repeat", "move"))
  .map(([from, to, count, how]): Mutation => (bytes) => {
    const start = Math.floor((from * bytes.length) / 512) * 512;
    const block = bytes.subarray(start, start + count * 512);
    const rest = Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + block.length)]);
    if (how === "remove") return rest;
    const base = how === "move" ? rest : bytes;
    const at = Math.floor((to * base.length) / 512) * 512;
    return Buffer.concat([base.subarray(0, at), block, base.subarray(at)]);
  });
const overwrite = fc
  .tuple(header, place, fc.integer({ min: -16, max: 60 }), fc.uint8Array({ minLength: 1, maxLength: 8 }))
  .map(([mark, which, distance, data]): Mutation => (bytes) => {
    const places = allOf(bytes, mark);
    const at = (places[Math.floor(which * places.length)] ?? 0) + distance;
    const changed = Buffer.from(bytes);
    if (at >= 0 && at + data.length <= bytes.length) changed.set(data, at);
    return changed;
  });
/** A header of the tar that says something else and is sound, by its checksum. */
const retell = fc
  .tuple(place, fc.constantFrom([0, 100], [124, 12], [156, 1], [157, 100], [345, 155]), fc.string({ maxLength: 12 }))
  .map(([which, [start = 0, length = 0], text]): Mutation => (bytes) => {
    const places = allOf(bytes, "ustar\0").map((at) => at - 257);
    const at = places[Math.floor(which * places.length)];
    if (at === undefined || at < 0) return bytes;
    const changed = Buffer.from(bytes);
    const block = changed.subarray(at, at + 512);
    if (block.length < 512) return bytes;
    block.write(text.padEnd(Math.min(length, 12), "\0"), start, length, "latin1");
    block.fill(" ", 148, 156);
    let sum = 0;
    for (const byte of block) sum += byte;
    block.write(sum.toString(8).padStart(6, "0") + "\0 ", 148);
    return changed;
  });

function allOf(bytes: Buffer, mark: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(mark, 0, "latin1"); at !== -1; at = bytes.indexOf(mark, at + 1, "latin1"))
    places.push(at);
  return places;
}

let spoolDirectory: string;
const spoolFile = (name: string): string => join(spoolDirectory, name);
beforeAll(() => {
  spoolDirectory = mkdtempSync(join(tmpdir(), "archive-fuzz-"));
});
afterAll(() => {
  rmSync(spoolDirectory, { recursive: true });
});

/** All that a publisher does with an archive. */
async function readWhole(object: Buffer): Promise<void> {
  const archive = await openArchive(bufferSource(object), { spoolFile });
  selectImage(archive, { repository: "tomofun/web", tagPattern: /^[0-9a-f]{7,40}$/ });
  for (const saved of archive.images) {
    const image = await saved.open();
    const images = image.kind === "image" ? [image] : image.entries.map((entry) => entry.image);
    for (const { layers } of images) await verifyLayers(layers);
  }
}

/** How reading ended: "read", or the name of what is wrong. */
async function outcome(object: Buffer): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error("reading it does not end"));
    }, 15_000);
  });
  try {
    await Promise.race([readWhole(object), hangs]);
    return "read";
  } catch (error) {
    if (error instanceof ArchiveError && error.message.length < 20_000) return error.name;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

const cases = Object.entries(LAYOUTS).flatMap(([layout, tar]) =>
  Object.entries(WRAPPINGS).map(([wrapping, wrap]) => ({ name: `${layout}, ${wrapping}`, tar, wrap })),
);

test.each(cases)("$name is read as it is", async ({ tar, wrap }) => {
  expect(await outcome(wrap(tar))).toBe("read");
});

test("whatever is changed in an archive, it is read, or refused by name", async () => {
  const mutations = fc.array(fc.oneof(flip, cut, moveBlocks, overwrite, overwrite, retell, retell), {
    minLength: 1,
    maxLength: 2,
  });
  const ends = new Map<string, number>();
  const property = fc.asyncProperty(
    fc.nat(cases.length - 1),
    mutations,
    fc.boolean(),
    async (at, changes, isInside) => {
      const { tar, wrap } = cases[at]!;
      const change = (bytes: Buffer): Buffer => changes.reduce((changed, mutate) => mutate(changed), bytes);
      const end = await outcome(isInside ? wrap(change(tar)) : change(wrap(tar)));
      ends.set(end, (ends.get(end) ?? 0) + 1);
    },
  );
  await fc.assert(property, { seed: 20_260_101, numRuns: Number(process.env.FUZZ_RUNS ?? 600) });
  // That the changes reach every part of the reader.
  expect([...ends.keys()]).toEqual(
    expect.arrayContaining([
      "read",
      "BrokenCompressionError",
      "BrokenTarError",
      "BrokenZipError",
      "DigestMismatchError",
      "EntryMissingError",
      "InvalidJsonError",
      "NotAnImageArchiveError",
      "TruncatedCompressionError",
      "TruncatedTarError",
      "TruncatedZipError",
    ]),
  );
});

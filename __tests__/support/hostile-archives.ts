import { deflateRawSync, gzipSync } from "node:zlib";
import { dockerSave, ociImage, ociLayout, tar, tarEntry, zip, zstdFrame } from "./archives";

const MIB = 1 << 20;

/** What a sender may upload who means no good. All are small, or as large as the smallest that is refused. */
export const HOSTILE: Readonly<Record<string, () => Buffer>> = {
  "a sound archive": () => dockerSave(),
  "a gzip bomb": () => gzipOfZeros(bombHead(), 1024),
  "a zstd bomb": () => Buffer.concat([zstdFrame(bombHead()), zstdFrame(Buffer.alloc(260 * MIB))]),
  "a zip bomb": () => zip({ ...deflatedZeros(1024), size: 1024 * MIB }),
  "a zip bomb that claims to be small": () => zip({ ...deflatedZeros(1024), size: 100 * MIB }),
  "a layer that is a gzip bomb": () => withLayer(gzipOfZeros(Buffer.alloc(512), 1024)),
  "too many entries": () => manyEntries(),
  "too many entries in gzip": () => gzipSync(manyEntries(), { level: 1 }),
  "names that are too long": () =>
    tar(
      ...Array.from({ length: 200 }, (_, at) =>
        Buffer.concat([tarEntry("l", `${at}${"n".repeat(100_000)}`, { type: "L" }), tarEntry("x")]),
      ),
    ),
  "a manifest of 100 MiB": () => withManifest(Buffer.alloc(100 * MIB, " ")),
  "a manifest that nests": () => withManifest(Buffer.alloc(4 * MIB, "[")),
  "a manifest of empty lists": () => withManifest(Buffer.from(`[${"[],".repeat(1_390_000)}[]]`)),
  "a manifest of wrong images": () => withManifest(Buffer.from(`[${"{},".repeat(120_000)}{}]`)),
  "a manifest of 100,000 layers": () => {
    const layers = Array.from({ length: 100_000 }, (_, at) => `${at}/layer.tar`);
    return withManifest(Buffer.from(JSON.stringify([{ Config: "c", Layers: layers }])));
  },
  "many large manifests": () => {
    const filler = "x".repeat(3 * MIB);
    const images = Array.from({ length: 12 }, (_, at) => ociImage({ manifestFields: { at, filler } }));
    return ociLayout({ listed: images.map((image) => [image] as const) });
  },
};

/** The header of a file that is larger than all that follows. */
function bombHead(): Buffer {
  return tarEntry("large", "", { sizeField: Buffer.from("77777777777\0") });
}

function gzipOfZeros(head: Buffer, mebibytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(16 * MIB));
  return Buffer.concat([gzipSync(head), ...Array.from({ length: mebibytes / 16 }, () => member)]);
}

function deflatedZeros(mebibytes: number) {
  // Blocks that are flushed end at a byte, and so can be repeated.
  const flushed = (data: Buffer): Buffer => deflateRawSync(data, { finishFlush: 3 });
  const block = flushed(Buffer.alloc(16 * MIB));
  const blocks = Array.from({ length: mebibytes / 16 }, () => block);
  const data = Buffer.concat([flushed(bombHead()), ...blocks, deflateRawSync(Buffer.alloc(0))]);
  return { name: "web", data, method: "stored", methodField: 8 } as const;
}

let entries: Buffer | undefined;

/** One more than is believed. */
function manyEntries(): Buffer {
  entries ??= tar(...Array.from({ length: 100_001 }, (_, at) => tarEntry(`entry ${at}`)));
  return entries;
}

function withManifest(bytes: Buffer): Buffer {
  return tar(tarEntry("manifest.json", bytes));
}

function withLayer(blob: Buffer): Buffer {
  return dockerSave({ layers: [blob], diffIds: [`sha256:${"1".repeat(64)}`] });
}

import { createReadStream } from "node:fs";
import { posix } from "node:path";
import type { Readable } from "node:stream";
import { extract, type Header } from "tar-stream";
import { openPromise } from "yauzl";
import { collect, measure, type Content } from "./content";
import { ArchiveMemberMissingError, ImageChoiceError, NotAnImageArchiveError, ProofError } from "./errors";

export interface ArchiveLocation {
  /** A docker-save tar, or a zip that holds one. */
  readonly archive: string;
  /** The tar's name within the zip. @default - `archive` is the tar itself */
  readonly member?: string;
  /** The name and tag of the image, where the archive holds several. */
  readonly reference?: string;
}

export interface ArchivedImage {
  readonly config: Buffer;
  /** `sha256:<hex>` of each layer's uncompressed tar, lowest first. */
  readonly layers: readonly string[];
}

interface ManifestItem {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
}

/** Reads one image out of an archive: twice through it, first for its table of contents, then for what that names. */
export async function readArchivedImage(location: ArchiveLocation): Promise<ArchivedImage> {
  const item = await readManifestItem(location);
  const hashes = new Map<string, string>();
  const links = new Map<string, string>();
  let config: Buffer | undefined;
  const wanted = new Set(item.Layers.map(normalize));
  await eachEntry(location, async (name, entry, link) => {
    if (link !== undefined) {
      links.set(name, link);
    } else if (name === normalize(item.Config)) {
      config = await collect(entry);
    } else if (wanted.has(name) || name.endsWith("/layer.tar")) {
      // Every layer file, not only the wanted ones: a wanted one may be a link to a layer of another image.
      hashes.set(name, (await measure(entry, name)).content.digest);
    }
    return "go on";
  });
  if (!config) throw new NotAnImageArchiveError(location.archive, `its config ${item.Config} is missing`);
  const layers = item.Layers.map((layer) => {
    const name = normalize(layer);
    const found = hashes.get(links.get(name) ?? name);
    if (found === undefined) throw new NotAnImageArchiveError(location.archive, `its layer ${layer} is missing`);
    return found;
  });
  return { config, layers };
}

async function readManifestItem(location: ArchiveLocation): Promise<ManifestItem> {
  let items: readonly ManifestItem[] | undefined;
  await eachEntry(location, async (name, entry) => {
    if (name !== "manifest.json") return "go on";
    items = JSON.parse((await collect(entry)).toString("utf8")) as ManifestItem[];
    return "stop";
  });
  if (!items) throw new NotAnImageArchiveError(location.archive, "it has no manifest.json");
  const { archive, reference } = location;
  const matching = reference === undefined ? items : items.filter((item) => item.RepoTags?.includes(reference));
  const [item] = matching;
  if (!item || matching.length > 1) {
    const references = items.flatMap((one) => one.RepoTags ?? ["an image without a name"]);
    throw new ImageChoiceError(archive, reference, references);
  }
  return item;
}

type Visit = (name: string, content: Content, link: string | undefined) => Promise<"go on" | "stop">;

async function eachEntry(location: ArchiveLocation, visit: Visit): Promise<void> {
  const { stream, close } = await open(location);
  const tar = extract();
  stream.on("error", (error) => {
    tar.destroy(error);
  });
  stream.pipe(tar);
  try {
    for await (const entry of tar) {
      const name = normalize(entry.header.name);
      if (entry.header.type !== "directory") {
        if ((await visit(name, entry as Content, linkTarget(name, entry.header))) === "stop") break;
      }
      entry.resume();
    }
  } catch (error) {
    throw error instanceof ProofError ? error : unreadable(location, error);
  } finally {
    stream.destroy();
    close();
  }
}

async function open(location: ArchiveLocation): Promise<{ stream: Readable; close: () => void }> {
  const { archive, member } = location;
  if (member === undefined) return { stream: createReadStream(archive), close: () => undefined };
  const zip = await openPromise(archive, { autoClose: false }).catch((error: unknown) => {
    throw unreadable(location, error);
  });
  const close = (): void => {
    zip.close();
  };
  const names: string[] = [];
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName === member) return { stream: await zip.openReadStreamPromise(entry), close };
    names.push(entry.fileName);
  }
  close();
  throw new ArchiveMemberMissingError(archive, member, names);
}

function linkTarget(name: string, { type, linkname }: Header): string | undefined {
  if (type === "symlink") return normalize(posix.join(posix.dirname(name), linkname));
  return type === "link" ? normalize(linkname) : undefined;
}

function normalize(name: string): string {
  return posix.normalize(name).replace(/^\.?\//, "");
}

function unreadable({ archive }: ArchiveLocation, cause: unknown): NotAnImageArchiveError {
  return new NotAnImageArchiveError(archive, cause instanceof Error ? cause.message : String(cause), { cause });
}

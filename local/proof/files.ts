import { collect, digestOf, measure, type Content, type Measured } from "./content";
import { eachEntry, normalize, type ArchiveEntry, type ArchiveFile } from "./entries";
import { NotAnImageArchiveError } from "./errors";

/** A file of an archive: what it hashes to, and its text if it may be JSON. */
interface StoredFile extends Measured {
  readonly json?: Buffer;
}

/** What an archive holds. */
export interface ArchiveFiles {
  readonly archive: string;
  /** By name; links are followed. */
  find(name: string): StoredFile | undefined;
  /** The text of a file that may be JSON. */
  json(name: string): Buffer | undefined;
}

/** Indexes, manifests and configurations are kept in memory up to this size each, in bytes. */
const JSON_LIMIT = 4_000_000;
/** A link to a link to a link ...: no writer makes more than one. */
const LINK_LIMIT = 8;

/** Hashes every file of an archive, in one pass; keeps the small JSON alone. */
export async function readFiles(file: ArchiveFile): Promise<ArchiveFiles> {
  const files = new Map<string, StoredFile>();
  const links = new Map<string, string>();
  await eachEntry(file, async (entry) => {
    if (entry.link === undefined) files.set(entry.name, await store(entry));
    else links.set(entry.name, entry.link);
  });
  if (files.size === 0) throw new NotAnImageArchiveError(file.archive, "it has no files");
  const find = (name: string): StoredFile | undefined => {
    let target = normalize(name);
    for (let step = 0; step < LINK_LIMIT && !files.has(target); step++) target = links.get(target) ?? target;
    return files.get(target);
  };
  return { archive: file.archive, find, json: (name) => find(name)?.json };
}

async function store({ name, content, size }: ArchiveEntry): Promise<StoredFile> {
  if (size > JSON_LIMIT) return measure(content, name);
  const bytes = await collect(content);
  if (!/^\s*[[{]/.test(bytes.toString("latin1", 0, 64))) return measure(once(bytes), name);
  const whole = { digest: digestOf(bytes), bytes: bytes.length };
  return { raw: whole, content: whole, compression: "none", json: bytes };
}

async function* once(bytes: Buffer): Content {
  yield await Promise.resolve(bytes);
}

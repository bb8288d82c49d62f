import type { Digest } from "../digest";
import { MANIFEST, readDockerArchive } from "./docker-archive";
import { Documents } from "./documents";
import { list, NotAnImageArchiveError } from "./errors";
import type { ImageArchive, SavedImage } from "./image";
import { INDEX, readOciLayout } from "./oci-layout";
import type { TarIndex } from "./tar";

/**
 * The images of a tar, whether index.json lists them (an OCI layout) or manifest.json (`docker save`). Where both do, as docker
 * writes since version 25, what the one says of an image is joined with what the other says; images are known by their
 * configurations.
 * @throws NotAnImageArchiveError where neither is there or lists anything.
 */
export async function readImages(tar: TarIndex): Promise<ImageArchive> {
  const { name } = tar.source;
  const documents = new Documents(tar);
  const listed = tar.has(INDEX) ? await readOciLayout(documents) : [];
  const saved = tar.has(MANIFEST) ? await readDockerArchive(documents) : [];
  if (listed.length + saved.length === 0) throw new NotAnImageArchiveError(name, withoutImages(tar));
  return { name, images: merge(listed, saved).map(named) };
}

function withoutImages(tar: TarIndex): string {
  const lists = [MANIFEST, INDEX].filter((file) => tar.has(file));
  if (lists.length > 0) return `no image listed in ${lists.join(" and ")}`;
  return `a tar without ${MANIFEST} and ${INDEX}, holding ${list(tar.names, "no files")}`;
}

function merge(listed: readonly SavedImage[], saved: readonly SavedImage[]): SavedImage[] {
  const byDigest = new Map<Digest, SavedImage>();
  for (const image of listed) {
    for (const digest of digestsOf(image)) if (!byDigest.has(digest)) byDigest.set(digest, image);
  }
  const references = new Map<SavedImage, string[]>(listed.map((image) => [image, [...image.references]]));
  const others: SavedImage[] = [];
  for (const image of saved) {
    const twin = image.digests.map((digest) => byDigest.get(digest)).find((found) => found !== undefined);
    if (twin) references.get(twin)?.push(...image.references);
    else others.push(image);
  }
  return [...listed.map((image) => ({ ...image, references: references.get(image) ?? [] })), ...others];
}

function digestsOf({ digests, parts = [] }: SavedImage): Digest[] {
  return [...digests, ...parts.flatMap((part) => part.digests)];
}

/** Each name once, and a tag alone only where no name ends with it: writers set both. */
function named(image: SavedImage): SavedImage {
  const names = [...new Set(image.references)];
  const isCovered = (tag: string): boolean => names.some((name) => name.endsWith(`:${tag}`));
  return { ...image, references: names.filter((name) => !isCovered(name)) };
}

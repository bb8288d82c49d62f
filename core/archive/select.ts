import { ImageMissingError, NoGitHashError, NoImageError, SeveralImagesError, SeveralNamedError } from "./errors";
import type { ImageArchive, SavedImage } from "./image";
import { parseReference, type Reference } from "./reference";

/** Which image of an archive is the service's. */
export interface ImageRule {
  /**
   * What its reference starts with, up to the end of the reference or of a part of it (`.`, `/`, `:`): an account's number,
   * a registry's host, a host and the first folders.
   * @default - any reference
   */
  readonly account?: string;
  /**
   * Repository that its path contains, as whole components: `team/api` is not in `team/api-gateway`.
   * @default - any repository
   */
  readonly repository?: string;
  /** What its tag matches. */
  readonly tagPattern: RegExp;
  /**
   * The image itself: the digest of its manifest, index or configuration, its id, or a name under which it was saved. Account and
   * repository do not count then.
   * @default - the one that account, repository and tag pattern leave
   */
  readonly image?: string;
}

export interface SelectedImage {
  /** @default - the image was chosen by digest, and has no name, or several of equal worth */
  readonly reference?: Reference;
  /** @default - the image was chosen by digest or name, and none or several of its tags match the tag pattern */
  readonly gitHash?: string;
  readonly image: SavedImage;
}

export type TaggedImage = Required<SelectedImage>;

interface Candidate {
  readonly reference: Reference;
  readonly image: SavedImage;
}

/**
 * The one image that the rule names or leaves. Several names of one image with one hash are one.
 * @throws ImageMissingError or SeveralNamedError for one that is named; else NoImageError, NoGitHashError or SeveralImagesError.
 * All list what was found.
 */
export function selectImage(archive: ImageArchive, rule: ImageRule): SelectedImage {
  return rule.image === undefined ? selectByRule(archive, rule) : selectNamed(archive, rule, rule.image);
}

/**
 * The image of an archive that holds one.
 * @throws SeveralNamedError, listing what was found
 */
export function selectOnlyImage(archive: ImageArchive, { tagPattern }: Pick<ImageRule, "tagPattern">): SelectedImage {
  const [only, ...others] = archive.images;
  if (!only || others.length > 0) throw new SeveralNamedError(archive.name, archive.images.map(describe));
  return selectNamed(archive, { tagPattern }, only.id);
}

/**
 * The same, of an image that is to be published under its git hash.
 * @throws NoGitHashError also for an image that is named but has no such tag.
 */
export function selectTaggedImage(archive: ImageArchive, rule: ImageRule): TaggedImage {
  const { reference, gitHash, image } = selectImage(archive, rule);
  if (reference === undefined || gitHash === undefined) {
    throw new NoGitHashError(archive.name, image.references, rule.tagPattern);
  }
  return { reference, gitHash, image };
}

function selectByRule(archive: ImageArchive, rule: ImageRule): TaggedImage {
  const candidates = archive.images.flatMap((image) => candidatesOf(image));
  const owned = candidates.filter(({ reference }) => isOwned(reference, rule));
  if (owned.length === 0) {
    const found = archive.images.flatMap(({ references }) => references);
    throw new NoImageError(archive.name, found, wanted(rule));
  }
  const hashed = owned.filter(({ reference }) => rule.tagPattern.test(reference.tag));
  const [first] = hashed;
  if (!first) throw new NoGitHashError(archive.name, texts(owned), rule.tagPattern);
  const isSame = ({ reference, image }: Candidate): boolean =>
    image.id === first.image.id && reference.tag === first.reference.tag;
  if (!hashed.every(isSame)) {
    const found = hashed.map(({ reference, image }) => `${reference.text} (${image.digests[0] ?? image.id})`);
    throw new SeveralImagesError(archive.name, found, wanted(rule));
  }
  return { ...first, gitHash: first.reference.tag };
}

function selectNamed(archive: ImageArchive, { tagPattern }: ImageRule, name: string): SelectedImage {
  // The image for a platform has the names of the image for all.
  const parts = archive.images.flatMap(({ parts: ofIndex = [], references }) =>
    ofIndex.map((part) => ({ ...part, references })),
  );
  const found =
    [
      archive.images.filter(({ id }) => id === name),
      archive.images.filter(({ digests }) => digests.some((digest) => digest === name)),
      parts.filter(({ digests }) => digests.some((digest) => digest === name)),
      archive.images.filter(({ references }) => references.includes(name)),
      archive.images.filter(({ references }) => references.some((text) => fullName(text) === fullName(name))),
    ].find((images) => images.length > 0) ?? [];
  const [image] = found;
  if (!image) throw new ImageMissingError(archive.name, archive.images.map(describe), name);
  // The same platform may be in several indexes.
  if (found.some(({ id }) => id !== image.id)) throw new SeveralNamedError(archive.name, found.map(describe), name);
  const candidates = candidatesOf(image);
  const chosen = candidates.find(({ reference }) => fullName(reference.text) === fullName(name))?.reference;
  const hashed = candidates.map(({ reference }) => reference).filter(({ tag }) => tagPattern.test(tag));
  const [only] = hashed;
  const isOne = hashed.every(({ tag }) => tag === only?.tag);
  const reference = chosen ?? (isOne && only ? only : candidates.length === 1 ? candidates[0]?.reference : undefined);
  const gitHash = chosen && tagPattern.test(chosen.tag) ? chosen.tag : isOne ? only?.tag : undefined;
  return { image, ...(reference && { reference }), ...(gitHash !== undefined && { gitHash }) };
}

function candidatesOf(image: SavedImage): Candidate[] {
  return image.references.flatMap((text) => {
    const reference = parseReference(text) ?? parseTag(text);
    return reference ? [{ reference, image }] : [];
  });
}

/** A tag without a name, as OCI layouts may have it. */
function parseTag(text: string): Reference | undefined {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(text) ? { text, path: [], tag: text } : undefined;
}

function isOwned(reference: Reference, { account, repository }: ImageRule): boolean {
  if (reference.path.length === 0) return account === undefined;
  return (account === undefined || startsWithPart(reference.text, account)) && containsPath(reference.path, repository);
}

function startsWithPart(text: string, prefix: string): boolean {
  const next = text[prefix.length] ?? "/";
  return text.startsWith(prefix) && (/[./:]$/.test(prefix) || /[./:]/.test(next));
}

function containsPath(path: readonly string[], repository: string | undefined): boolean {
  return repository === undefined || `/${path.join("/")}/`.includes(`/${repository}/`);
}

/** Docker leaves out what containerd writes in full (https://github.com/distribution/reference/blob/v0.6.0/normalize.go). */
function fullName(name: string): string {
  const tagged = /:[^/]*$/.test(name) ? name : `${name}:latest`;
  const [first = "", ...rest] = tagged.split("/");
  if (rest.length === 0) return `docker.io/library/${tagged}`;
  return /[.:]/.test(first) || first === "localhost" ? tagged : `docker.io/${tagged}`;
}

function describe({ id, references, digests }: SavedImage): string {
  const names = references.length === 0 ? "no name" : references.join(", ");
  return `${names} (${digests.length === 0 ? id : digests.join(", ")})`;
}

function texts(candidates: readonly Candidate[]): string[] {
  return candidates.map(({ reference }) => reference.text);
}

function wanted({ account, repository }: ImageRule): string {
  const start = account === undefined ? "any reference" : `a reference starting with ${account}`;
  return repository === undefined ? start : `${start} that contains the repository ${repository}`;
}

import { NoGitHashError, NoImageError, SeveralImagesError } from "./errors";
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
  /** Repository that its path contains, as whole components: `tomofun/api` is not in `tomofun/api-gateway`. */
  readonly repository: string;
  /** What its tag matches. */
  readonly tagPattern: RegExp;
}

export interface SelectedImage {
  readonly reference: Reference;
  readonly gitHash: string;
  readonly image: SavedImage;
}

interface Candidate {
  readonly reference: Reference;
  readonly image: SavedImage;
}

/**
 * The one image that the rule leaves, with its git hash. Several names of one image with one hash are one.
 * @throws NoImageError, NoGitHashError or SeveralImagesError, listing what was found.
 */
export function selectImage(archive: ImageArchive, rule: ImageRule): SelectedImage {
  const candidates = archive.images.flatMap((image): Candidate[] =>
    image.references.flatMap((text) => {
      const reference = parseReference(text);
      return reference ? [{ reference, image }] : [];
    }),
  );
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
  if (!hashed.every(isSame)) throw new SeveralImagesError(archive.name, texts(hashed), wanted(rule));
  return { ...first, gitHash: first.reference.tag };
}

function isOwned(reference: Reference, { account, repository }: ImageRule): boolean {
  return (account === undefined || startsWithPart(reference.text, account)) && containsPath(reference.path, repository);
}

function startsWithPart(text: string, prefix: string): boolean {
  const next = text[prefix.length] ?? "/";
  return text.startsWith(prefix) && (/[./:]$/.test(prefix) || /[./:]/.test(next));
}

function containsPath(path: readonly string[], repository: string): boolean {
  return `/${path.join("/")}/`.includes(`/${repository}/`);
}

function texts(candidates: readonly Candidate[]): string[] {
  return candidates.map(({ reference }) => reference.text);
}

function wanted({ account, repository }: ImageRule): string {
  return `${account === undefined ? "any reference" : `a reference starting with ${account}`} that contains the repository ${repository}`;
}

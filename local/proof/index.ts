/**
 * Proves that an image in a registry is the one of an archive. Shares no code with what publishes it, nor with the
 * registry itself: two programs that misread the same thing in the same way would agree.
 */
import type { ArchiveLocation } from "./archive";
import { compare, type Proof } from "./prove";
import { openRegistry, type RegistryLocation } from "./registry";
import { isInstalled, pullWithSkopeo } from "./skopeo";

export * from "./errors";
export type { Proof } from "./prove";
export type { RegistryLocation } from "./registry";

export interface ProofOptions extends ArchiveLocation {
  readonly registry: RegistryLocation;
}

/**
 * Reads the image back through the proxy: the tag's manifest, the config (its bytes are the archive's), every layer
 * (its digest, and its content's, which is the config's diffID and the archive's layer file).
 * @throws ProofError at the first difference
 */
export async function proveImage({ registry, ...archive }: ProofOptions): Promise<Proof> {
  const source = await openRegistry(registry);
  try {
    return await compare(referenceOf(registry), source, archive);
  } finally {
    source.close();
  }
}

/** The same proof with skopeo as the reader; undefined where it is not on the PATH. */
export async function proveWithSkopeo({ registry, ...archive }: ProofOptions): Promise<Proof | undefined> {
  if (!(await isInstalled("skopeo"))) return undefined;
  const source = await pullWithSkopeo(registry);
  try {
    return await compare(referenceOf(registry), source, archive);
  } finally {
    await source.close();
  }
}

/** The proof as lines to print. */
export function describeProof({ reference, digest, config, layers }: Proof): string {
  const lines = layers.map(
    ({ diffId, digest: blob, size, contentSize }, index) =>
      `layer ${index}  ${short(blob)} ${megabytes(size)}, content ${short(diffId)} ${megabytes(contentSize)}`,
  );
  return [reference, `manifest ${short(digest)}`, `config   ${short(config.digest)}`, ...lines].join("\n");
}

function referenceOf({ host, repository, tag }: RegistryLocation): string {
  return `${host}/${repository}:${tag}`;
}

function short(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e6 ? 3 : 1)} MB`;
}

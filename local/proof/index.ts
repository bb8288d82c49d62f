/**
 * Proves that an image in a registry is the one of an archive. Shares no code with what publishes it, nor with the
 * registry itself: two programs that misread the same thing in the same way would agree.
 */
import type { Expectation } from "./expectation";
import { compare, type Proof, type ProvedImage } from "./prove";
import { openRegistry, type RegistryLocation } from "./registry";
import { isInstalled, pullWithSkopeo } from "./skopeo";

export * from "./errors";
export { readArchive } from "./archive";
export type { Proof } from "./prove";
export type { RegistryLocation } from "./registry";

export interface ProofOptions extends Expectation {
  readonly registry: RegistryLocation;
}

/**
 * Reads the image back: the tag's manifest or index with all that it names. The config's bytes are the archive's; every layer is what
 * its digest and its media type say, and its content what the config's diffID and the archive's layer file are.
 * @throws ProofError at the first difference
 */
export async function proveImage({ registry, ...expectation }: ProofOptions): Promise<Proof> {
  const source = await openRegistry(registry);
  try {
    return await compare(referenceOf(registry), source, expectation);
  } finally {
    source.close();
  }
}

/** The same proof with skopeo as the reader; undefined where it is not on the PATH. */
export async function proveWithSkopeo({ registry, ...expectation }: ProofOptions): Promise<Proof | undefined> {
  if (!(await isInstalled("skopeo"))) return undefined;
  const source = await pullWithSkopeo(registry);
  try {
    return await compare(referenceOf(registry), source, expectation);
  } finally {
    await source.close();
  }
}

/** The proof as lines to print. */
export function describeProof({ reference, digest, images }: Proof): string {
  const isIndex = images.length > 1 || images[0].digest !== digest;
  return [
    reference,
    ...(isIndex ? [`index    ${short(digest)}`] : []),
    ...images.flatMap((image) => [...(isIndex ? [titleOf(image)] : []), ...describeImage(image)]),
  ].join("\n");
}

function titleOf({ platform, attests }: ProvedImage): string {
  return attests === undefined ? platform : `attestation of ${short(attests)}`;
}

function describeImage({ digest, config, layers }: ProvedImage): string[] {
  const lines = layers.map(
    ({ diffId, digest: blob, size, contentSize }, index) =>
      `layer ${index}  ${short(blob)} ${megabytes(size)}, content ${short(diffId)} ${megabytes(contentSize)}`,
  );
  return [`manifest ${short(digest)}`, `config   ${short(config.digest)}`, ...lines];
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

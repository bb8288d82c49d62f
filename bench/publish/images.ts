import { stat } from "node:fs/promises";
import { join } from "node:path";
import { machineLayers, writeImageArchive, zipArchive } from "../../local/fixtures";

/** An image archive on the disk. */
export interface ImageFile {
  readonly path: string;
  readonly bytes: number;
  /** As it is named in the archive. */
  readonly reference: string;
  /** Uncompressed bytes of its layers, lowest first. */
  readonly layers: readonly number[];
}

const MEMBER = "image/api";

/**
 * How an image of six layers is made up: as those of languages on Debian are, where what compiles is half of all, and a small application at
 * the top. https://github.com/docker-library/buildpack-deps
 */
export const SHARES = [0.11, 0.04, 0.16, 0.53, 0.145, 0.015];

/** Writes the `docker save` archive of an image of this machine's files. Two labels give images that differ in their last layer alone. */
export async function makeImage(options: {
  readonly directory: string;
  readonly bytes: number;
  readonly shares?: readonly number[];
  readonly label: string;
  /** As docker writes it: since version 25 (`oci`), or up to 24. @default "oci" */
  readonly layout?: "oci" | "legacy";
}): Promise<ImageFile> {
  const { directory, bytes, shares = SHARES, label, layout = "oci" } = options;
  const path = join(directory, `${label}-${layout}-${shares.length}-${bytes}.tar`);
  const reference = `111122223333.dkr.ecr.us-east-1.amazonaws.com/bench/api:${label}`;
  const layers = await machineLayers({ sizes: shares.map((share) => Math.round(share * bytes)), label });
  const [image] = await writeImageArchive({ path, references: [reference], layers, layout });
  return { path, bytes: (await stat(path)).size, reference, layers: image?.layers.map((layer) => layer.bytes) ?? [] };
}

export async function zipped(image: ImageFile, method: "store" | "deflate"): Promise<string> {
  const path = image.path.replace(/\.tar$/, `-${method}.zip`);
  await zipArchive({ path, member: MEMBER, archive: image.path, method });
  return path;
}

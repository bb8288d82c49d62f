import type { Digest } from "../digest";
import type { RandomAccess } from "./source";

/** Images in a container of any form. */
export interface ImageArchive {
  readonly name: string;
  readonly images: readonly SavedImage[];
}

/** An image that an archive lists; nothing but the list has been read yet. */
export interface SavedImage {
  /** Tells the images of one archive apart. */
  readonly id: string;
  /** Names under which it was saved, as written: `host/path:tag`. None if it was saved by its id. */
  readonly references: readonly string[];
  /** Reads and checks its configuration. */
  open(): Promise<Image>;
}

/** An image whose configuration is verified. Its layers are verified while they are read. */
export interface Image {
  readonly config: Buffer;
  /** Digest of the configuration. It pins the whole image, since the configuration lists the layers' diffIDs. */
  readonly configDigest: Digest;
  /** From the lowest to the uppermost. */
  readonly layers: readonly Layer[];
}

/** A layer as an uncompressed tar. */
export interface Layer {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  readonly content: RandomAccess;
}

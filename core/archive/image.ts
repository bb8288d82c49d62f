import type { Digest } from "../digest";
import type { RandomAccess } from "./source";

/** Images in a container of any form. */
export interface ImageArchive {
  readonly name: string;
  readonly images: readonly SavedImage[];
}

/** An image, or one for each of several platforms, that an archive lists; of it, nothing but lists and manifests has been read yet. */
export interface SavedImage {
  /** Tells the images of one archive apart: the digest of its manifest or index, or the path of its configuration. */
  readonly id: string;
  /** Names under which it was saved, as written: `host/path:tag`, or a tag alone. None if it was saved by its id. */
  readonly references: readonly string[];
  /** Of its manifest or index and of its configuration, as far as the archive's lists name them. */
  readonly digests: readonly Digest[];
  /** Of an index: the images that it leads to and the archive has, to be chosen by themselves; attestations are none. */
  readonly parts?: readonly SavedImage[];
  /** Reads and checks manifests and configurations. */
  open(): Promise<Image | ImageIndex>;
}

/** A manifest or an index, as it stands in the archive. */
export interface SavedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** An image whose configuration is verified. Its layers are verified while they are read. */
export interface Image {
  readonly kind: "image";
  readonly config: Buffer;
  /** Digest of the configuration. It pins the whole image, since the configuration lists the layers' diffIDs. */
  readonly configDigest: Digest;
  /** `os/architecture[/variant]` by the configuration. */
  readonly platform: string;
  /** From the lowest to the uppermost. */
  readonly layers: readonly Layer[];
  /** @default - the archive has none (a docker-archive) */
  readonly manifest?: SavedManifest;
}

/** Images for several platforms, and what is attached to them. */
export interface ImageIndex {
  readonly kind: "index";
  readonly manifest: SavedManifest;
  /** In the order of the index, without those that the archive lacks. */
  readonly entries: readonly IndexEntry[];
  /** Platforms that the index names and the archive lacks. */
  readonly missing: readonly string[];
}

export interface IndexEntry {
  /** As the index has it: mediaType, digest, size, platform, annotations. */
  readonly descriptor: Readonly<Record<string, unknown>>;
  /** `os/architecture[/variant]` by the index, else by the image's configuration. */
  readonly platform: string;
  readonly image: Image;
  /** Of an attestation: digest of the manifest that it is about. */
  readonly attests?: Digest;
}

/** A layer as the archive has it. */
export interface Layer {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  readonly compression: "none" | "gzip" | "zstd";
  readonly content: RandomAccess;
  /** Digest of `content`, verified when it is read. @default - the archive does not name it */
  readonly digest?: Digest;
  /** No layer of a file system, whatever its media type says: it stays as it is. @default - it is one */
  readonly isOpaque?: true;
  /** As the archive's manifest has it. @default - the archive has no manifest */
  readonly mediaType?: string;
}

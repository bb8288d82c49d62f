import type { Digest } from "../digest";

/** What a publisher reports while it works. Sizes are bytes, times are seconds. */
export type PublishEvent =
  | { readonly type: "object"; readonly name: string; readonly size: number }
  /** Of an archive that is written to a file. */
  | { readonly type: "archive-progress"; readonly done: number; readonly seconds: number }
  | { readonly type: "archive"; readonly images: number; readonly seconds: number }
  | { readonly type: "image"; readonly reference: string; readonly configDigest: Digest; readonly layers: number }
  | ({ readonly type: "layer-progress"; readonly done: number; readonly seconds: number } & LayerPosition)
  | ({
      readonly type: "layer";
      readonly compressedSize: number;
      readonly existed: boolean;
      readonly seconds: number;
    } & LayerPosition)
  /** Every layer is what the configuration lists. */
  | { readonly type: "verified"; readonly layers: number; readonly seconds: number }
  /** The hash tag holds this image already: no blob was sent. */
  | { readonly type: "unchanged"; readonly tag: string; readonly digest: Digest }
  | { readonly type: "tagged"; readonly tag: string; readonly digest: Digest }
  /** The tag points to this image already. */
  | { readonly type: "tag-kept"; readonly tag: string; readonly digest: Digest };

export interface LayerPosition {
  /** From 1, the lowest. */
  readonly number: number;
  readonly count: number;
  readonly diffId: Digest;
  /** Uncompressed. */
  readonly size: number;
}

export type PublishListener = (event: PublishEvent) => void;

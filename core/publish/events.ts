import type { Digest } from "../digest";

/** What a publisher reports while it works. Sizes are bytes, times are seconds. */
export type PublishEvent =
  | { readonly type: "object"; readonly name: string; readonly size: number }
  /** Of an archive that is written to a file: one that is not read where it lies. */
  | { readonly type: "archive-progress"; readonly done: number; readonly seconds: number }
  /** Files of a compressed archive that were passed by and are needed after all: it is read once more. */
  | { readonly type: "second-pass"; readonly names: readonly string[] }
  | { readonly type: "archive"; readonly images: number; readonly seconds: number }
  | {
      readonly type: "image";
      readonly reference: string;
      readonly configDigest: Digest;
      readonly layers: number;
      readonly platform: string;
    }
  /** Platforms that the archive's index names and the archive lacks. */
  | { readonly type: "missing-platforms"; readonly platforms: readonly string[] }
  /** Nothing could be learned of what a tag points to: its layers are sent again. */
  | { readonly type: "reuse-failed"; readonly reason: string }
  /** A layer that was to be reused is gone: all are sent. */
  | { readonly type: "reuse-undone"; readonly reason: string }
  /** The registry is busy, or cannot be reached: the same is tried again after so many seconds. */
  | { readonly type: "retry"; readonly reason: string; readonly seconds: number }
  | ({ readonly type: "layer-progress"; readonly done: number; readonly seconds: number } & LayerPosition)
  | ({
      readonly type: "layer";
      /** Of the blob in the registry. */
      readonly digest: Digest;
      readonly storedSize: number;
      readonly seconds: number;
    } & LayerOutcome &
      LayerPosition)
  /** What would become of a layer, where nothing is sent. */
  | ({ readonly type: "layer-plan"; readonly would: LayerPlanned } & LayerPosition)
  | { readonly type: "verified"; readonly layers: number; readonly seconds: number }
  | { readonly type: "unchanged"; readonly tag: string; readonly digest: Digest }
  | { readonly type: "tagged"; readonly tag: string; readonly digest: Digest }
  | { readonly type: "tag-kept"; readonly tag: string; readonly digest: Digest }
  /** Where nothing is sent. */
  | { readonly type: "would-tag"; readonly tag: string };

/** `compress` and `send`: its bytes would go over the wire. */
export type LayerPlanned = "reuse" | "mount" | "compress" | "send";

export interface LayerOutcome {
  /**
   * `reused`: recognised before it was read, `existed`: found by its digest when that was known, `mounted`: from another repository,
   * `sent`: uploaded.
   */
  readonly how: "reused" | "existed" | "mounted" | "sent";
  /** Bytes that went over the wire. */
  readonly sent: number;
}

/** Which layer, counted from 1 from the lowest to the uppermost, and how large it is in the archive. */
export interface LayerPosition {
  readonly number: number;
  readonly count: number;
  readonly diffId: Digest;
  readonly size: number;
}

export type PublishListener = (event: PublishEvent) => void;

/** Tells the listener of what a registry's connection tries again. */
export function reportRetries(listener: PublishListener): (error: unknown, wait: number) => void {
  return (error, wait) => {
    listener({ type: "retry", reason: error instanceof Error ? error.message : String(error), seconds: wait / 1000 });
  };
}

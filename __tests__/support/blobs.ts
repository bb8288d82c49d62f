import { Readable } from "node:stream";
import { sha256 } from "../../core/digest";
import type { KnownBlob, StreamedBlob } from "../../core/registry/repository";

const CHUNK = 1_000_000;

/** A blob of known digest, and where it was opened. */
export function known(bytes: Buffer): KnownBlob & { readonly starts: readonly number[] } {
  const starts: number[] = [];
  const open = (start: number): Readable => {
    starts.push(start);
    return Readable.from(chunks(bytes.subarray(start)));
  };
  return { digest: sha256(bytes), size: bytes.length, open, starts };
}

/** A blob that is streamed, and how often it was opened. */
export function streamed(bytes: Buffer): { readonly open: () => StreamedBlob; readonly opened: () => number } {
  let opened = 0;
  const open = (): StreamedBlob => {
    opened += 1;
    return { stream: Readable.from(chunks(bytes)), seal: () => ({ digest: sha256(bytes), size: bytes.length }) };
  };
  return { open, opened: () => opened };
}

function chunks(bytes: Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, at) =>
    bytes.subarray(at * CHUNK, (at + 1) * CHUNK),
  );
}

/** What the first bytes of something say that it is. */
export type Format = "empty" | "zip" | "gzip" | "zstd" | "bzip2" | "xz" | "tar" | "unknown";

const MAGIC: readonly (readonly [Format, readonly number[]])[] = [
  ["zip", [0x50, 0x4b, 0x03, 0x04]],
  ["zip", [0x50, 0x4b, 0x05, 0x06]],
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  // A skippable frame, as parallel writers begin with; the other fifteen of its kind are not seen
  // (https://www.rfc-editor.org/rfc/rfc8878#section-3.1.2).
  ["zstd", [0x50, 0x2a, 0x4d, 0x18]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

/** Bytes that `detectFormat` looks at. */
export const FORMAT_BYTES = 512;

/** Formats are told by content, never by name. */
export function detectFormat(head: Buffer): Format {
  if (head.length === 0) return "empty";
  const known = MAGIC.find(([, magic]) => magic.every((byte, at) => head[at] === byte));
  if (known) return known[0];
  return head.length >= FORMAT_BYTES && hasTarChecksum(head) ? "tar" : "unknown";
}

/**
 * Whether a block is a tar header: the sum of its bytes, its own field read as spaces, is written in it. Some old writers
 * summed signed bytes (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06).
 */
export function hasTarChecksum(block: Buffer): boolean {
  const written = Number.parseInt(block.toString("latin1", 148, 156).replaceAll("\0", " ").trim(), 8);
  let unsigned = 8 * 0x20;
  let negative = 0;
  // By index: an iterator takes five times as long, and an archive may have a header for each of 100,000 files.
  for (let at = 0; at < block.length; at++) {
    if (at >= 148 && at < 156) continue;
    const byte = block[at] ?? 0;
    unsigned += byte;
    if (byte > 0x7f) negative += 1;
  }
  return written === unsigned || written === unsigned - 0x100 * negative;
}

export function describeFormat(format: Format, head: Buffer): string {
  switch (format) {
    case "empty":
      return "nothing";
    case "unknown":
      return `data of no known format, starting with ${head.toString("hex", 0, 8)}`;
    case "tar":
    case "zip":
      return `a ${format}`;
    default:
      return `${format}-compressed data`;
  }
}

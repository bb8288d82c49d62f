import type { StreamConfig } from "../config/stream";

/** What the publisher `stream` is told by its environment (core/publish/settings.ts); what it does by itself is not said. */
export function streamVariables(stream: StreamConfig): Readonly<Record<string, string>> {
  const { compression, reuse, platform, attestations, mountFrom, limits } = stream;
  return {
    ...(compression !== "gzip" && { COMPRESSION: compression }),
    ...(!reuse && { REUSE: "off" }),
    ...(platform !== "all" && { PLATFORM: platform }),
    ...(attestations !== "keep" && { ATTESTATIONS: attestations }),
    ...(mountFrom.length > 0 && { MOUNT_FROM: mountFrom.join(" ") }),
    ...(limits.archive !== undefined && { MAX_ARCHIVE_BYTES: String(limits.archive) }),
    ...(limits.layer !== undefined && { MAX_LAYER_BYTES: String(limits.layer) }),
    ...(limits.ratio !== undefined && { MAX_RATIO: String(limits.ratio) }),
  };
}

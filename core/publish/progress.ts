import type { LayerPosition, PublishEvent } from "./events";

/** One plain line for each event. */
export function renderEvent(event: PublishEvent): string {
  switch (event.type) {
    case "object":
      return `reading ${event.name} (${megabytes(event.size)})`;
    case "archive-progress":
      return `${megabytes(event.done)} of the archive written after ${seconds(event.seconds)}${rate(event.done, event.seconds)}`;
    case "second-pass":
      return `reading the archive once more for ${event.names.join(", ")}`;
    case "archive":
      return `found an archive of ${count(event.images, "image")} in ${seconds(event.seconds)}`;
    case "image":
      return `selected ${event.reference} for ${event.platform}: ${count(event.layers, "layer")}, config ${event.configDigest}`;
    case "missing-platforms":
      return `not in the archive, though its index names them: ${event.platforms.join(", ")}`;
    case "reuse-failed":
      return `cannot tell what the repository has, so more is sent: ${event.reason}`;
    case "reuse-undone":
      return `a layer of the repository is gone, so all are sent: ${event.reason}`;
    case "retry":
      return `trying again in ${seconds(event.seconds)}: ${event.reason}`;
    case "layer-progress": {
      const percent = event.size === 0 ? 100 : Math.floor((event.done / event.size) * 100);
      return `${layer(event)}: ${percent} % read after ${seconds(event.seconds)}${rate(event.done, event.seconds)}`;
    }
    case "layer":
      return `${layer(event)}: ${outcome(event)}`;
    case "layer-plan":
      return `${layer(event)}: ${WOULD[event.would]}`;
    case "verified":
      return `verified ${count(event.layers, "layer")} in ${seconds(event.seconds)}`;
    case "unchanged":
      return `${event.tag} holds this image already (${event.digest}): no layer is sent`;
    case "tagged":
      return `tagged ${event.tag} (${event.digest})`;
    case "tag-kept":
      return `${event.tag} points to this image already`;
    case "would-tag":
      return `would tag ${event.tag}`;
  }
}

const WOULD = {
  reuse: "is there, would not be sent",
  mount: "would be mounted from another repository",
  compress: "would be compressed and sent",
  send: "would be sent as it is",
} as const;

function outcome(event: Extract<PublishEvent, { type: "layer" }>): string {
  const { how, sent, size, storedSize, seconds: taken } = event;
  switch (how) {
    case "reused":
      return `reused, ${megabytes(storedSize)} in the registry`;
    case "existed":
      return `already there, ${megabytes(storedSize)}, ${seconds(taken)}`;
    case "mounted":
      return `mounted from another repository, ${megabytes(storedSize)}`;
    case "sent":
      return `pushed, ${megabytes(sent)} sent, ${seconds(taken)}${rate(size, taken)}`;
  }
}

export function layer({ number, count, diffId, size }: LayerPosition): string {
  return `layer ${number}/${count} ${diffId.slice(0, "sha256:".length + 12)} (${megabytes(size)})`;
}

export function megabytes(bytes: number): string {
  return bytes < 100_000 ? `${bytes} bytes` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** By the bytes of the archive, where there are enough to tell. */
export function rate(bytes: number, taken: number): string {
  return bytes < 1e6 ? "" : `, ${(bytes / 1e6 / Math.max(taken, 0.001)).toFixed(0)} MB/s`;
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

import type { PublishEvent } from "./events";

/** One plain line for each event. */
export function renderEvent(event: PublishEvent): string {
  switch (event.type) {
    case "object":
      return `reading ${event.name} (${megabytes(event.size)})`;
    case "archive-progress":
      return `${megabytes(event.done)} of the archive written after ${seconds(event.seconds)}`;
    case "archive":
      return `found an archive of ${event.images} ${event.images === 1 ? "image" : "images"} in ${seconds(event.seconds)}`;
    case "image":
      return `selected ${event.reference}: ${event.layers} layers, config ${event.configDigest}`;
    case "layer-progress": {
      const percent = event.size === 0 ? 100 : Math.floor((event.done / event.size) * 100);
      return `${layer(event)}: ${percent} % after ${seconds(event.seconds)}`;
    }
    case "layer": {
      const how = event.existed ? "already there" : "pushed";
      return `${layer(event)}: ${how}, ${megabytes(event.compressedSize)} compressed, ${seconds(event.seconds)}`;
    }
    case "verified":
      return `verified ${event.layers} ${event.layers === 1 ? "layer" : "layers"} in ${seconds(event.seconds)}`;
    case "unchanged":
      return `${event.tag} holds this image already (${event.digest}): no layer is sent`;
    case "tagged":
      return `tagged ${event.tag} (${event.digest})`;
    case "tag-kept":
      return `${event.tag} points to this image already`;
  }
}

function layer({
  number,
  count,
  diffId,
  size,
}: {
  number: number;
  count: number;
  diffId: string;
  size: number;
}): string {
  return `layer ${number}/${count} ${diffId.slice(0, "sha256:".length + 12)} (${megabytes(size)})`;
}

function megabytes(bytes: number): string {
  return bytes < 100_000 ? `${bytes} bytes` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}

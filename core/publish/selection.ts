import { ArchiveError, list } from "../archive/errors";
import type { Image, ImageIndex, IndexEntry } from "../archive/image";

/** What is published of an archive that holds images for several platforms. */
export interface PlatformChoice {
  /** `all`, or `os/architecture[/variant]`: then that image alone. */
  readonly platform: string;
  /** What tells of an image's making: it goes along with an index, or stays behind. */
  readonly attestations: "keep" | "drop";
}

/** What a tag will point to. */
export type Selection =
  | { readonly kind: "image"; readonly image: Image; readonly missing: readonly string[] }
  | {
      readonly kind: "index";
      readonly index: ImageIndex;
      readonly entries: readonly IndexEntry[];
      readonly missing: readonly string[];
    };

class PlatformMissingError extends ArchiveError {
  constructor(wanted: string, found: readonly string[], missing: readonly string[]) {
    const absent = missing.length === 0 ? "" : ` (its index also names ${list(missing, "")}, which it lacks)`;
    super(
      `the archive has no image for ${wanted}: found ${list(found, "none")}${absent}, expected ${wanted}; ` +
        "save the image for that platform, or choose another platform",
    );
  }
}

class PlatformTwiceError extends ArchiveError {
  constructor(platform: string, entries: readonly IndexEntry[]) {
    const digests = entries.map(({ descriptor }) => String(descriptor.digest));
    super(
      `the archive has several images for ${platform}: found ${list(digests, "none")}, expected one; ` +
        "choose one by its digest, or publish all platforms",
    );
  }
}

/** @throws PlatformMissingError or PlatformTwiceError unless the chosen platform is there once. */
export function selectPlatforms(opened: Image | ImageIndex, { platform, attestations }: PlatformChoice): Selection {
  if (opened.kind === "image") {
    if (!isPlatform(opened.platform, platform)) throw new PlatformMissingError(platform, [opened.platform], []);
    return { kind: "image", image: opened, missing: [] };
  }
  const { missing } = opened;
  const images = opened.entries.filter(({ attests }) => attests === undefined);
  if (platform !== "all") {
    // Another variant only where the platform itself is not there.
    const first =
      images.find((entry) => entry.platform === platform) ??
      images.find((entry) => isPlatform(entry.platform, platform));
    const found = images.map((entry) => entry.platform);
    if (!first) throw new PlatformMissingError(platform, found, missing);
    const twins = images.filter((entry) => entry.platform === first.platform);
    if (twins.length > 1) throw new PlatformTwiceError(first.platform, twins);
    return { kind: "image", image: first.image, missing: [] };
  }
  const present = new Set(images.map(({ descriptor }) => descriptor.digest));
  const entries = opened.entries.filter(
    ({ attests }) => attests === undefined || (attestations === "keep" && present.has(attests)),
  );
  const [only] = entries;
  const isWhole = entries.length === opened.entries.length && missing.length === 0;
  // An index of one image says nothing that the image does not say, unless it is published as it was made.
  if (entries.length === 1 && only && !isWhole) return { kind: "image", image: only.image, missing };
  return { kind: "index", index: opened, entries, missing };
}

/** All that a selection holds, attestations too. */
export function allOf(selection: Selection): Image[] {
  return selection.kind === "image" ? [selection.image] : selection.entries.map(({ image }) => image);
}

/** The images of a selection, attestations left out. */
export function imagesOf(selection: Selection): Image[] {
  return selection.kind === "image"
    ? [selection.image]
    : selection.entries.filter(({ attests }) => attests === undefined).map(({ image }) => image);
}

/** `linux/arm64` is wanted by `all`, by `linux/arm64`, and has every variant of itself. */
function isPlatform(platform: string, wanted: string): boolean {
  return wanted === "all" || platform === wanted || platform.startsWith(`${wanted}/`);
}

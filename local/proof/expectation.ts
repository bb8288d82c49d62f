import type { ArchivedImage, ArchivedIndex, ArchiveLocation } from "./archive";
import { PlatformChoiceError } from "./errors";
import { platformName } from "./manifest";

/** What is expected in the registry of what the archive has. */
export interface Expectation extends ArchiveLocation {
  /** Of an image for several platforms, this one's alone, not as an index: `linux/amd64`. @default - all that the archive has, as an index */
  readonly platform?: string;
  /** Of an image for several platforms, an index of these and their attestations. @default - of all that the archive has */
  readonly platforms?: readonly string[];
  /** Whether attestations are expected beside the images that they are about. @default true */
  readonly attestations?: boolean;
  /** Whether each manifest must be the archive's, byte for byte; the index too, if nothing of it is left out. @default false */
  readonly unchanged?: boolean;
}

type Expected = ArchivedImage | (ArchivedIndex & { readonly isWhole: boolean });

/** @throws PlatformChoiceError */
export function chooseExpected(archived: ArchivedImage | ArchivedIndex, expectation: Expectation): Expected {
  const { archive, platform, platforms, attestations = true } = expectation;
  const images = archived.kind === "image" ? [archived] : archived.images;
  const named = images.filter(({ attests }) => attests === undefined);
  const find = (name: string): ArchivedImage => {
    const found = named.find((image) => image.platform === normalized(name));
    if (found) return found;
    throw new PlatformChoiceError(
      archive,
      name,
      named.map((image) => image.platform),
    );
  };
  if (platform !== undefined) return find(platform);
  if (archived.kind === "image") return archived;
  const chosen = new Set(platforms === undefined ? named : platforms.map(find));
  const digests = new Set([...chosen].map(({ manifest }) => manifest?.digest));
  const isExpected = (image: ArchivedImage): boolean =>
    image.attests === undefined ? chosen.has(image) : attestations && digests.has(image.attests);
  const expected = archived.images.filter(isExpected);
  const isWhole = archived.missing.length === 0 && expected.length === archived.images.length;
  return { ...archived, images: expected, isWhole };
}

function normalized(platform: string): string {
  const [os = "", architecture = "", variant] = platform.split("/");
  return platformName({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

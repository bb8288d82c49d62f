import {
  ArchiveError,
  ObjectDeniedError,
  ObjectUnreadableError,
  ShortReadError,
  SpoolFullError,
  ZstdMissingError,
} from "../archive/errors";
import { LayerTooLargeError, ManifestTooLargeError, TooManyLayersError } from "../registry/errors";
import { HashTagTakenError, UntaggedImageError } from "./errors";
import { SettingsError } from "./settings";

/**
 * Exit codes: done, or nothing to do; failed, the last line says why, and trying again may help; wrong settings or arguments, nothing was
 * tried; the archive is refused, and will be again.
 */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3 } as const;

/** What is not the archive's fault, and yet will not change. */
const REFUSALS = [HashTagTakenError, UntaggedImageError, LayerTooLargeError, ManifestTooLargeError, TooManyLayersError];
/** What is wrong with this machine, its network or its permissions, not with the archive. */
const CIRCUMSTANCES = [ObjectDeniedError, ObjectUnreadableError, ShortReadError, SpoolFullError, ZstdMissingError];

export function exitCodeOf(error: unknown): number {
  if (error instanceof SettingsError) return EXIT.usage;
  if (REFUSALS.some((each) => error instanceof each)) return EXIT.refused;
  const isArchives = error instanceof ArchiveError && !CIRCUMSTANCES.some((each) => error instanceof each);
  return isArchives ? EXIT.refused : EXIT.failed;
}

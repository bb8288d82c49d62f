import { readChoice, type RawChoice } from "../../core/publish/choice";
import type { PublishChoice } from "../../core/publish/publish";

/** How an archive is published where nothing is chosen. */
export const DEFAULT_CHOICE: PublishChoice = readChoice({}, {} as Record<keyof RawChoice, string>, []);

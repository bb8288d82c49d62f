import type { Finding } from "./findings";
import type { Draft } from "./resolve";
import { STREAM_OPTIONS } from "./stream";

/** Options of the publisher `stream` where another one publishes. */
export function checkStream({ config: { publisher }, written, places }: Draft): Finding[] {
  if (publisher === "stream") return [];
  const refuse = (own: Readonly<Record<string, unknown>>, path: Finding["path"]) =>
    STREAM_OPTIONS.filter((option) => own[option] !== undefined).map((option) => ({
      path: [...path, option],
      rule: `must not stand beside publisher ${publisher}, it is an option of stream: remove it, or take publisher: stream`,
    }));
  return [
    ...refuse(written.defaults, ["defaults"]),
    ...written.services.flatMap((service, index) =>
      typeof service === "object" ? refuse(service, ["services", places[index] ?? index]) : [],
    ),
  ];
}

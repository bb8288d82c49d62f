import type { Finding } from "./findings";
import * as limits from "./limits";
import type { Draft } from "./resolve";
import { STREAM_OPTIONS } from "./stream";

/** Options of the publisher `stream` where another one publishes, and what a role of all builds would have to carry. */
export function checkStream(draft: Draft): Finding[] {
  return draft.config.publisher === "stream" ? checkMounts(draft) : refuseOptions(draft);
}

function refuseOptions({ config: { publisher }, written, places }: Draft): Finding[] {
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

/** The pipeline's own repositories are its builds' anyway, by their tag (infrastructure/pipeline.ts). */
function checkMounts({ config: { roles, services }, written }: Draft): Finding[] {
  if (roles.builds === "own") return [];
  const own = new Set(services.map(({ repository }) => repository));
  const others = new Set(
    services.flatMap(({ stream }) => stream.mountFrom).filter((repository) => !own.has(repository)),
  );
  if (others.size <= limits.MOUNT_FROM.max) return [];
  const rule = `must be own where services mount from more than ${limits.MOUNT_FROM.max} repositories of others, here ${others.size}: the policy of one role for all cannot name them`;
  return [{ path: ["roles"], rule, value: written.roles }];
}

import type { LayerPosition, PublishEvent, PublishListener } from "./events";

/** What was published, for programs: `publish-image --json`. Sizes are bytes, times seconds. */
export interface PublishReport {
  /** `HOST/REPOSITORY`. */
  readonly repository: string;
  readonly hashTag: string;
  /** Of the manifest or index; null after a dry run of what is not there. */
  readonly digest: string | null;
  readonly images: readonly { readonly platform: string; readonly configDigest: string; readonly reference: string }[];
  readonly missingPlatforms: readonly string[];
  readonly layers: readonly LayerReport[];
  readonly tags: readonly { readonly tag: string; readonly state: "set" | "kept" | "would-set" }[];
  /** Bytes of layers that went over the wire. */
  readonly sent: number;
  readonly seconds: number;
  readonly dryRun: boolean;
}

type LayerReport = LayerPosition &
  Partial<Omit<Extract<PublishEvent, { type: "layer" }>, "type">> & {
    readonly would?: string;
    readonly type?: undefined;
  };

const TAG_STATES = { tagged: "set", unchanged: "kept", "tag-kept": "kept", "would-tag": "would-set" } as const;

/** Hears what happens, and tells it in one piece. */
export class ReportWriter {
  readonly #started = performance.now();
  readonly #events: PublishEvent[] = [];

  readonly listener: PublishListener = (event) => {
    if (event.type !== "layer-progress" && event.type !== "archive-progress") this.#events.push(event);
  };

  report(of: { repository: string; hashTag: string; digest?: string; dryRun: boolean }): PublishReport {
    const events = this.#events;
    return {
      repository: of.repository,
      hashTag: of.hashTag,
      digest: of.digest ?? null,
      images: events.flatMap((event) =>
        event.type === "image"
          ? [{ platform: event.platform, configDigest: event.configDigest, reference: event.reference }]
          : [],
      ),
      missingPlatforms: events.flatMap((event) => (event.type === "missing-platforms" ? event.platforms : [])),
      layers: layersOf(events),
      tags: events.flatMap((event) =>
        event.type in TAG_STATES && "tag" in event ? [{ tag: event.tag, state: TAG_STATES[event.type] }] : [],
      ),
      sent: events.reduce((sum, event) => sum + (event.type === "layer" ? event.sent : 0), 0),
      seconds: (performance.now() - this.#started) / 1000,
      dryRun: of.dryRun,
    };
  }
}

/** Each layer once: of those that were sent after all, what became of them in the end. */
function layersOf(events: readonly PublishEvent[]): LayerReport[] {
  const last = new Map<number, LayerReport>();
  for (const event of events) {
    if (event.type === "layer" || event.type === "layer-plan") last.set(event.number, { ...event, type: undefined });
  }
  return [...last.values()].toSorted((a, b) => a.number - b.number);
}

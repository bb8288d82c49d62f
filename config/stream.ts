import * as z from "zod";
import * as field from "./fields";
import * as limits from "./limits";

/** What the publisher `stream` does with an image, with every default filled in. */
export interface StreamConfig {
  /** How layers are sent that the archive holds uncompressed; `keep` sends every layer as it is. */
  readonly compression: (typeof COMPRESSIONS)[number];
  /** Layers of images that the repository holds are used again. */
  readonly reuse: boolean;
  /** `all`, or the one `os/architecture[/variant]` that is published. */
  readonly platform: string;
  readonly attestations: (typeof ATTESTATIONS)[number];
  /** Other repositories of the registry whose layers may be used; sorted, without the service's own. */
  readonly mountFrom: readonly string[];
  /** Absent ones are the publisher's. */
  readonly limits: {
    /** Bytes. */
    readonly archive?: number;
    /** Bytes, uncompressed. */
    readonly layer?: number;
    /** Uncompressed to compressed. */
    readonly ratio?: number;
  };
}

const COMPRESSIONS = ["gzip", "zstd", "keep"] as const;
const ATTESTATIONS = ["keep", "drop"] as const;

const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;
const SIZE_RULE = `must be a number of bytes, or a whole number with KiB, MiB, GiB or TiB such as 100GiB, from 1 byte to ${limits.SIZE_TEBIBYTES.max}TiB`;
const SIZE = /^([1-9][0-9]{0,14})(KiB|MiB|GiB|TiB)$/;
const MOST_BYTES = limits.SIZE_TEBIBYTES.max * UNITS.TiB;

const size = z.union(
  [
    z.int().min(1, SIZE_RULE).max(MOST_BYTES, SIZE_RULE),
    z
      .string()
      .regex(SIZE, SIZE_RULE)
      .refine((text) => bytesOf(text) <= MOST_BYTES, SIZE_RULE),
  ],
  { error: SIZE_RULE },
);

function bytesOf(written: number | string): number {
  if (typeof written === "number") return written;
  const [, count = "0", unit = "KiB"] = SIZE.exec(written) ?? [];
  return Number(count) * UNITS[unit as keyof typeof UNITS];
}

const RATIO_RULE = `must be a number between ${limits.RATIO.min} and ${limits.RATIO.max}`;

/** The options by name, all of them optional: what is not written is not the publisher's business. */
export const streamOptions = {
  compression: z
    .enum(COMPRESSIONS)
    .meta({
      description:
        "How layers are sent that are not compressed yet. gzip: every client can pull it. zstd: smaller and faster, pulled by containerd 1.5, docker 23 and podman or newer. keep: as they are in the archive. Default: gzip.",
    })
    .optional(),
  reuse: z
    .boolean()
    .meta({
      description:
        "Use layers of the newest images in the repository again, so that only what changed is compressed and sent. Default: true.",
    })
    .optional(),
  platform: field.platform
    .meta({
      description:
        "Which platform of an image for several is published: all, or os/architecture[/variant] such as linux/arm64. Default: all.",
    })
    .optional(),
  attestations: z
    .enum(ATTESTATIONS)
    .meta({
      description:
        "What is attached to an image for several platforms, such as provenance and SBOM, is published too or left out. Default: keep.",
    })
    .optional(),
  mountFrom: z
    .array(field.repositoryName)
    .max(limits.MOUNT_FROM.max, `must list at most ${limits.MOUNT_FROM.max} repositories`)
    .check((context) => {
      context.value.forEach((repository, index) => {
        if (context.value.indexOf(repository) < index) {
          context.issues.push({ code: "custom", path: [index], message: "must be listed once", input: repository });
        }
      });
    })
    .meta({
      description: `Other repositories of the same registry whose layers need not be sent again, at most ${limits.MOUNT_FROM.max}; the builds may read them. Default: none.`,
      uniqueItems: true,
    })
    .optional(),
  limits: z
    .strictObject({
      archive: size
        .meta({
          description:
            "The largest drop that is read, in bytes or as 100GiB; what an archive unpacks to counts. Default: the publisher's.",
        })
        .optional(),
      layer: size
        .meta({ description: "The largest layer, uncompressed, in bytes or as 20GiB. Default: the publisher's." })
        .optional(),
      ratio: z
        .number({ error: RATIO_RULE })
        .min(limits.RATIO.min, RATIO_RULE)
        .max(limits.RATIO.max, RATIO_RULE)
        .meta({
          description: "How many times its compressed size something may unpack to. Default: the publisher's.",
        })
        .optional(),
    })
    .meta({ description: "What a drop must not pass, be it by mistake or by intent; a build that meets it fails." })
    .optional(),
} as const;

export const STREAM_OPTIONS = Object.keys(streamOptions) as (keyof typeof streamOptions)[];

type Written = z.output<z.ZodObject<typeof streamOptions>>;

/** Of limits, each falls back by itself. */
export function resolveStream(own: Written, defaults: Written, repository: string): StreamConfig {
  const mountFrom = own.mountFrom ?? defaults.mountFrom ?? [];
  return {
    compression: own.compression ?? defaults.compression ?? "gzip",
    reuse: own.reuse ?? defaults.reuse ?? true,
    platform: own.platform ?? defaults.platform ?? "all",
    attestations: own.attestations ?? defaults.attestations ?? "keep",
    mountFrom: mountFrom.filter((other) => other !== repository).toSorted(),
    limits: {
      ...defined("archive", own.limits?.archive ?? defaults.limits?.archive),
      ...defined("layer", own.limits?.layer ?? defaults.limits?.layer),
      ...defined("ratio", own.limits?.ratio ?? defaults.limits?.ratio),
    },
  };
}

function defined<Name extends string>(name: Name, value: number | string | undefined) {
  return (value === undefined ? {} : { [name]: bytesOf(value) }) as Partial<Record<Name, number>>;
}

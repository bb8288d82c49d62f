import { LIMITS } from "../archive/limits";
import type { PublishChoice } from "./publish";

/** A choice as texts, by whatever way they come; what is absent or empty is default. */
export interface RawChoice {
  /** `gzip`, `zstd` or `keep`. @default gzip */
  readonly compression?: string | undefined;
  /** `on` or `off`. @default on */
  readonly reuse?: string | undefined;
  /** `all` or `os/architecture[/variant]`. @default all */
  readonly platform?: string | undefined;
  /** `keep` or `drop`. @default keep */
  readonly attestations?: string | undefined;
  /** Repositories, separated by spaces. @default none */
  readonly mountFrom?: string | undefined;
  /** Bytes that the archive may have uncompressed. */
  readonly maxArchiveBytes?: string | undefined;
  /** Bytes that a layer may have uncompressed. */
  readonly maxLayerBytes?: string | undefined;
  /** How many times its size compressed data may grow. */
  readonly maxRatio?: string | undefined;
}

/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html */
export const REPOSITORY = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;
const PLATFORM = /^(?:all|[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9.]+)?)$/;

/**
 * @param names what the user calls each value, for messages
 * @param problems takes a clause for everything that is wrong
 */
export function readChoice(
  raw: RawChoice,
  names: Readonly<Record<keyof RawChoice, string>>,
  problems: string[],
): PublishChoice {
  const refuse = (key: keyof RawChoice, value: string, expected: string): void => {
    problems.push(`${names[key]} is ${JSON.stringify(value)}, expected ${expected}`);
  };
  const oneOf = <T extends string>(key: keyof RawChoice, allowed: readonly [T, ...T[]]): T => {
    const value = raw[key] ?? "";
    if (value === "") return allowed[0];
    const found = allowed.find((each) => each === value);
    if (found === undefined) refuse(key, value, `${allowed.slice(0, -1).join(", ")} or ${allowed.at(-1) ?? ""}`);
    return found ?? allowed[0];
  };
  const count = (key: keyof RawChoice, fallback: number): number => {
    const value = raw[key] ?? "";
    if (value === "") return fallback;
    if (/^[1-9][0-9]{0,15}(?:\.[0-9]{1,6})?$/.test(value)) return Number(value);
    refuse(key, value, "a number of at least 1");
    return fallback;
  };
  const platform = raw.platform === undefined || raw.platform === "" ? "all" : raw.platform;
  if (!PLATFORM.test(platform)) refuse("platform", platform, "all, or a platform such as linux/arm64");
  const mountFrom = (raw.mountFrom ?? "").split(/\s+/).filter((name) => name !== "");
  for (const name of mountFrom) if (!REPOSITORY.test(name)) refuse("mountFrom", name, "names of repositories");
  return {
    compression: oneOf("compression", ["gzip", "zstd", "keep"]),
    reuse: oneOf("reuse", ["on", "off"]) === "on",
    platform,
    attestations: oneOf("attestations", ["keep", "drop"]),
    mountFrom,
    limits: {
      ...LIMITS,
      archive: count("maxArchiveBytes", LIMITS.archive),
      layer: count("maxLayerBytes", LIMITS.layer),
      ratio: count("maxRatio", LIMITS.ratio),
    },
  };
}

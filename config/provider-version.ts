import * as z from "zod";
import type { Finding } from "./findings";
import * as limits from "./limits";
import type { Draft } from "./resolve";

/**
 * The lower bound is the bindings' version. It comes first, since cdktf looks at the first number alone and would otherwise upgrade the
 * providers on every run.
 */
const DEFAULT_RANGE = ">= 5.100.0, < 7.0.0";

type Version = readonly [major: number, minor: number, patch: number];

const OLDEST: Version = [5, 100, 0];
const NEWEST_MAJOR = 7;

/** Since when the provider knows `IMMUTABLE_WITH_EXCLUSION`. https://github.com/hashicorp/terraform-provider-aws/blob/main/CHANGELOG.md */
const EXCLUSIONS_SINCE: Version = [6, 8, 0];

const RANGE_RULE = 'must be a lower and an upper bound in this order, such as ">= 6.8.0, < 7.0.0"';

export const providerVersionSchema = z
  .string({ error: RANGE_RULE })
  .regex(/^>= \d+\.\d+(\.\d+)?, < \d+\.\d+(\.\d+)?$/, RANGE_RULE)
  .check((context) => {
    const [lower, upper] = bounds(context.value);
    if (compare(lower, OLDEST) < 0)
      context.issues.push({ code: "custom", message: "must begin with >= 5.100.0 or newer", input: context.value });
    else if (compare(upper, [NEWEST_MAJOR, 0, 0]) > 0)
      context.issues.push({ code: "custom", message: "must end with < 7.0.0 or older", input: context.value });
    else if (compare(lower, upper) >= 0)
      context.issues.push({
        code: "custom",
        message: "must have a lower bound below the upper one",
        input: context.value,
      });
  })
  .meta({
    description:
      'Versions of hashicorp/aws that the stack takes, the lower bound first, within ">= 5.100.0, < 7.0.0". With a lower bound of 6.8.0 or newer, ECR itself refuses to move any tag but the moving ones.',
  })
  .default(DEFAULT_RANGE);

/** Whether every version of the range can have tags that do not move beside tags that do. */
export function knowsExclusions(providerVersion: string): boolean {
  return compare(bounds(providerVersion)[0], EXCLUSIONS_SINCE) >= 0;
}

/** ECR takes few exclusions for a repository. */
export function checkExclusions({ config: { providerVersion }, written, places }: Draft): Finding[] {
  if (!knowsExclusions(providerVersion)) return [];
  const { max } = limits.MOVING_TAGS_BESIDE_IMMUTABLE;
  const [lower = ""] = providerVersion.split(",");
  const rule = `must list at most ${max} tags where providerVersion begins with ${lower}: ECR excludes no more from immutability`;
  const refuse = (value: readonly string[] | undefined, path: Finding["path"]) =>
    value !== undefined && value.length > max ? [{ path, rule, value }] : [];
  const own = written.services.map((service) => (typeof service === "string" ? undefined : service.movingTags));
  return [
    ...(own.includes(undefined) ? refuse(written.defaults.movingTags, ["defaults", "movingTags"]) : []),
    ...own.flatMap((value, index) => refuse(value, ["services", places[index] ?? index, "movingTags"])),
  ];
}

function bounds(range: string): readonly [lower: Version, upper: Version] {
  const [lower = OLDEST, upper = OLDEST] = range.split(",").map(toVersion);
  return [lower, upper];
}

function toVersion(bound: string): Version {
  const [major = 0, minor = 0, patch = 0] = bound
    .replace(/[^\d.]/g, "")
    .split(".")
    .map(Number);
  return [major, minor, patch];
}

function compare(one: Version, other: Version): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}

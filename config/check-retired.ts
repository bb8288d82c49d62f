import type { Finding } from "./findings";
import type { PipelineConfig } from "./schema";

/** A service is there, or it is gone. */
export function checkRetired({ services, retired }: PipelineConfig, written: readonly string[]): Finding[] {
  const names = new Set(services.map(({ name }) => name));
  const there = retired
    .filter((name) => names.has(name))
    .map((name) => ({
      path: ["retired"],
      rule: "must list no service that is there: take it out of services, or out of this list",
      value: name,
    }));
  const again = written.flatMap((name, index) =>
    written.indexOf(name) < index ? [{ path: ["retired", index], rule: "must be listed once", value: name }] : [],
  );
  return [...there, ...again];
}

import type { Finding } from "./findings";
import type { PipelineConfig } from "./schema";

/** A service is there, or it is gone. */
export function checkRetired({ services, retired }: PipelineConfig): Finding[] {
  const names = new Set(services.map(({ name }) => name));
  return retired
    .filter((name) => names.has(name))
    .map((name) => ({
      path: ["retired"],
      rule: "must list no service that is there: take it out of services, or out of this list",
      value: name,
    }));
}

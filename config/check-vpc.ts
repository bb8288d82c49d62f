import { isLambdaCompute } from "./compute";
import type { Finding } from "./findings";
import type { Draft } from "./resolve";
import { isDirect } from "./trigger";
import { missingEndpoints } from "./vpc";

/** Builds that could reach nothing, or could not run in a VPC at all. */
export function checkVpc({ config: { vpc, services, trigger }, written, places }: Draft): Finding[] {
  if (vpc === undefined) return [];
  const found: Finding[] = [];
  const missing = missingEndpoints(vpc);
  if (missing.length > 0) {
    const rule = `must name the endpoints ${missing.join(", ")} or have nat: true: without a way out, what runs in the VPC reaches AWS by VPC endpoints alone; make them in ${vpc.id} and list them here`;
    found.push({ path: ["vpc", "endpoints"], rule });
  }
  if (vpc.function && isDirect(trigger)) {
    const rule = "must not be true with a trigger that has no function: remove it";
    found.push({ path: ["vpc", "function"], rule, value: true });
  }
  const lambda = new Map<string, Finding>();
  services.forEach(({ compute }, index) => {
    if (!isLambdaCompute(compute)) return;
    const own = written.services[index];
    const isOwn = typeof own === "object" && own.compute?.type !== undefined;
    const path = isOwn ? ["services", places[index] ?? index, "compute", "type"] : ["defaults", "compute", "type"];
    const rule =
      "must not be Lambda compute beside vpc, where CodeBuild does not run it: take a BUILD_GENERAL1 type, or remove vpc";
    lambda.set(path.join("."), { path, rule, value: compute.type });
  });
  return [...found, ...lambda.values()];
}

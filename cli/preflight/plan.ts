import { readFileSync } from "node:fs";
import * as z from "zod";

const values = z.record(z.string(), z.unknown());

/** https://developer.hashicorp.com/terraform/internals/json-format#plan-representation */
const planSchema = z.object({
  format_version: z.string(),
  resource_changes: z
    .array(
      z.object({
        address: z.string(),
        mode: z.enum(["managed", "data"]),
        type: z.string(),
        change: z.object({
          actions: z.array(z.string()),
          before: values.nullish(),
          after: values.nullish(),
          importing: z.object({ id: z.string().optional() }).nullish(),
        }),
      }),
    )
    .default([]),
});

export type Plan = z.output<typeof planSchema>;
export type ResourceChange = Plan["resource_changes"][number];

/** The file is not what `terraform show -json` prints of a plan. */
export class PlanError extends Error {
  override readonly name = "PlanError";

  constructor(file: string, found: string, options?: ErrorOptions) {
    super(
      `${file} is no plan: found ${found}, expected the output of terraform show -json; write it with terraform plan -out plan.tfplan and terraform show -json plan.tfplan > ${file}`,
      options,
    );
  }
}

/**
 * Reads what `terraform show -json` printed of a plan.
 * @throws PlanError
 */
export function readPlan(file: string): Plan {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new PlanError(file, "no file that can be read", { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PlanError(file, "no JSON", { cause });
  }
  const result = planSchema.safeParse(json);
  if (!result.success) throw new PlanError(file, "other JSON", { cause: result.error });
  return result.data;
}

import * as z from "zod";
import { pipelineSchema } from "./schema";

/**
 * The JSON Schema of one document of `pipeline.yaml`, for editors. Draft 7, which all of them know. It holds the rules for single
 * values; what takes several values is left to the loader.
 */
export function jsonSchema(): object {
  return z.toJSONSchema(pipelineSchema, { io: "input", target: "draft-7" });
}

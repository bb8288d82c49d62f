import type { Finding } from "./findings";
import * as limits from "./limits";
import { repositoryParameter } from "./outputs";
import { anyPlace } from "./policies/place";
import type { PipelineConfig } from "./schema";

/** The longest of what is there with every trigger, and longer than what comes with some. */
const LONGEST_OUTPUT = "dead_letter_queue_url";

/** Parameters have a prefix, whose room depends on what follows it. */
export function checkOutputs({ region, outputs, services }: PipelineConfig): Finding[] {
  if (!outputs.ssm) return [];
  const { prefix } = outputs.ssm;
  const rests = [LONGEST_OUTPUT, ...services.map(({ name }) => repositoryParameter(name))];
  const longest = rests.reduce((a, b) => (b.length > a.length ? b : a));
  const beforeName = anyPlace(region).arn("ssm", "parameter/").length;
  const { max } = limits.PARAMETER.arnLength;
  const room = max - beforeName - `/${longest}`.length;
  if (prefix.length <= room) return [];
  const rule = `must be at most ${room} characters here, so that the parameter <prefix>/${longest} and the ${beforeName} characters of its ARN before it are at most ${max} together`;
  return [{ path: ["outputs", "ssm", "prefix"], rule, value: prefix }];
}

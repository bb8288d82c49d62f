import { isLambdaCompute } from "./compute";
import type { Finding } from "./findings";
import * as limits from "./limits";
import { names } from "./names";
import type { PipelineConfig, ServiceConfig } from "./schema";
import { isDirect, type TriggerConfig } from "./trigger";

type CloudTrailConfig = Extract<TriggerConfig, { readonly kind: "cloudtrail" }>;

const SECONDS_PER_MINUTE = 60;

/** What the trigger and the services must agree on. */
export function checkTrigger({ name, trigger, services }: PipelineConfig): Finding[] {
  if (trigger.kind === "topic" && trigger.existing === names(name).topic) {
    const rule = "must not be the topic that the pipeline makes without it";
    return [{ path: ["trigger", "topic", "existing"], rule, value: trigger.existing }];
  }
  return trigger.kind === "cloudtrail" ? checkWait(trigger, services) : [];
}

function checkWait({ maxWait, checkInterval }: CloudTrailConfig, services: readonly ServiceConfig[]): Finding[] {
  const found: Finding[] = [];
  const [tightest] = services.toSorted((a, b) => a.buildTimeout - b.buildTimeout);
  if (tightest && tightest.buildTimeout - maxWait < limits.BUILD_AFTER_WAIT_MINUTES) {
    const { name, buildTimeout, compute } = tightest;
    const [longest, remedy] = isLambdaCompute(compute)
      ? [`${buildTimeout} on Lambda compute`, "take a BUILD_GENERAL1 type for it"]
      : [String(buildTimeout), "raise buildTimeout"];
    const rule = `must be at least ${limits.BUILD_AFTER_WAIT_MINUTES} minutes below every buildTimeout, that of ${name} is ${longest}: lower maxWait or ${remedy}`;
    found.push({ path: ["trigger", "cloudtrail", "maxWait"], rule, value: maxWait });
  }
  if (checkInterval > maxWait * SECONDS_PER_MINUTE) {
    const rule = `must be at most maxWait, which is ${maxWait * SECONDS_PER_MINUTE} seconds`;
    found.push({ path: ["trigger", "cloudtrail", "checkInterval"], rule, value: checkInterval });
  }
  return found;
}

/** What others must do before a build starts, and what only the account can tell. */
export function warnTrigger(config: PipelineConfig): Finding[] {
  const { trigger, bucket } = config;
  const found: Finding[] = [];
  const warn = (path: Finding["path"], rule: string) => found.push({ path, rule });
  if (bucket.notifications === "none") {
    if (bucket.existing) warn(["bucket", "existing"], `is taken as it is: its owner must ${ownersPart(config)}`);
    else if (trigger.kind !== "cloudtrail")
      warn(["bucket", "notifications"], `are somebody else's, who must ${ownersPart(config)}`);
  }
  if (trigger.kind === "topic" && trigger.existing !== undefined) {
    const rule = `is taken as it is: its policy must let S3 publish what happens in ${bucket.name}`;
    warn(["trigger", "topic", "existing"], `${rule}, and so must the policy of a KMS key that encrypts it`);
  }
  if (trigger.kind === "cloudtrail" && !trigger.trail) {
    const rule = `starts no build unless a trail of the account records write data events of ${bucket.name}: have it do so, or set trail: true`;
    warn(["trigger"], rule);
  }
  return found;
}

/** What a pipeline needs of a bucket that is not its own. */
function ownersPart({ name, trigger }: PipelineConfig): string {
  const { queue, function: startBuild, topic } = names(name);
  const send =
    "add to its aws_s3_bucket_notification the lines that the output bucket_owner_must_add prints, which send s3:ObjectCreated:* events to";
  switch (trigger.kind) {
    case "queue":
      return `${send} the queue ${queue}`;
    case "lambda":
      return `${send} the function ${startBuild}`;
    case "topic":
      return trigger.existing === undefined
        ? `${send} the topic ${topic}`
        : `${send} the topic ${trigger.existing}, unless it reports there already`;
    case "eventbridge":
      return "add eventbridge = true to its aws_s3_bucket_notification, once for everybody";
    case "cloudtrail":
      return "switch on versioning: without, a build takes what lies under the key when it starts, since CloudTrail names no etag";
  }
}

/** Rules that a pipeline adds to the event bus of its account and region. */
export function countRules({ trigger, services }: PipelineConfig): number {
  if (isDirect(trigger)) return services.length;
  return trigger.kind === "eventbridge" ? 1 : 0;
}

export function makesTrail(trigger: TriggerConfig): boolean {
  return trigger.kind === "cloudtrail" && trigger.trail;
}

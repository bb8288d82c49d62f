import type { PipelineConfig } from "../../config/schema";
import type { TriggerConfig } from "../../config/trigger";
import type { Surroundings } from "../surroundings";

/**
 * How long EventBridge tries to deliver an event: as long and as often as it can.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */
export const RETRY_POLICY = { maximumEventAgeInSeconds: 24 * 60 * 60, maximumRetryAttempts: 185 };

/** The bus that rules stand on; undefined for the default one. */
export function busOf(trigger: TriggerConfig): string | undefined {
  return trigger.kind === "eventbridge" ? trigger.bus : undefined;
}

/** On a bus other than the default one, a rule's ARN names it. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html */
export function ruleArn(trigger: TriggerConfig, rule: string, surroundings: Surroundings): string {
  const bus = busOf(trigger);
  return surroundings.arn("events", bus === undefined ? `rule/${rule}` : `rule/${bus}/${rule}`);
}

/**
 * S3 sends to the default bus of the bucket's account. Where the rules stand on another one, somebody has to forward what they match.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
 */
export function addForwarding({ trigger, bucket }: PipelineConfig, surroundings: Surroundings): void {
  const bus = busOf(trigger);
  if (bus === undefined && bucket.account === undefined) return;
  const busArn = surroundings.arn("events", `event-bus/${bus ?? "default"}`);
  const pattern = { source: ["aws.s3"], detail: { bucket: { name: [bucket.name] } } };
  surroundings.forOthers.eventForwarding(JSON.stringify(pattern), busArn);
  if (bucket.account === undefined) return;
  surroundings.forOthers.policy("event_bus_policy", {
    Sid: "ForwardFromBucketAccount",
    Effect: "Allow",
    Principal: { AWS: surroundings.globalArn("iam", "root", bucket.account) },
    Action: "events:PutEvents",
    Resource: busArn,
  });
}

import type { Construct, IConstruct } from "constructs";
import type { PipelineConfig } from "../../config/schema";
import type { BucketNotification } from "../notifications";
import type { Service } from "../service";
import type { Surroundings } from "../surroundings";
import { CloudTrailTrigger } from "./cloudtrail";
import { EventBridgeTrigger } from "./eventbridge";
import { DirectEventBridgeTrigger } from "./eventbridge-direct";
import { LambdaTrigger } from "./lambda";
import { QueueTrigger } from "./queue";
import { TopicTrigger } from "./topic";

export interface TriggerProps {
  readonly config: PipelineConfig;
  readonly surroundings: Surroundings;
}

/** By output name. */
export type TriggerOutputs = Readonly<Record<string, { readonly value: unknown; readonly description?: string }>>;

/** The way from the finished upload to StartBuild. Its constructor adds what a pipeline needs once. */
export interface Trigger extends IConstruct {
  /** What the bucket must report, if anything, once every service is added. Set up where the bucket is ours, told to its owner where it is not. */
  readonly notification?: BucketNotification;
  /** Environment variables that builds need beside what every build needs; what they may do beside says config/policies/builds.ts. */
  readonly buildVariables?: Readonly<Record<string, string>>;
  /** What people who run the pipeline look for, `queue_url` and the like, and what other owners have to do. */
  readonly outputs: TriggerOutputs;
  /** Adds what one service needs beside its project. */
  addService(service: Service): void;
}

/** The configured trigger. */
export function trigger(scope: Construct, id: string, props: TriggerProps): Trigger {
  const config = props.config.trigger;
  switch (config.kind) {
    case "queue":
      return new QueueTrigger(scope, id, props);
    case "lambda":
      return new LambdaTrigger(scope, id, props);
    case "topic":
      return new TopicTrigger(scope, id, { ...props, topic: config });
    case "eventbridge":
      return new (config.direct ? DirectEventBridgeTrigger : EventBridgeTrigger)(scope, id, props);
    case "cloudtrail":
      return new CloudTrailTrigger(scope, id, { ...props, cloudtrail: config });
  }
}

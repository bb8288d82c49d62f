import type { Construct, IConstruct } from "constructs";
import type { PipelineConfig } from "../../config/schema";
import type { BucketNotification } from "../drop-bucket";
import type { Service } from "../service";
import type { Surroundings } from "../surroundings";
import { QueueTrigger } from "./queue";

export interface TriggerProps {
  readonly config: PipelineConfig;
  readonly surroundings: Surroundings;
}

/** The way from the finished upload to StartBuild. Its constructor adds what a pipeline needs once. */
export interface Trigger extends IConstruct {
  /** What the bucket must report. Set up where the bucket is ours, told to its owner where it is not. */
  readonly notification: BucketNotification;
  /** What people who run the pipeline look for: `queue_url` and the like, by output name. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Adds what one service needs beside its project. */
  addService(service: Service): void;
}

type TriggerKind = new (scope: Construct, id: string, props: TriggerProps) => Trigger;

const KINDS: Readonly<Record<PipelineConfig["trigger"], TriggerKind>> = {
  queue: QueueTrigger,
};

/** The configured trigger. */
export function trigger(scope: Construct, id: string, props: TriggerProps): Trigger {
  return new KINDS[props.config.trigger](scope, id, props);
}

import { Construct } from "constructs";
import type { BucketNotification } from "../notifications";
import type { Service } from "../service";
import { addForwarding } from "./rules";
import { ServiceRules } from "./service-rules";
import type { Trigger, TriggerOutputs, TriggerProps } from "./trigger";

/** S3 -> EventBridge -> CodeBuild. */
export class DirectEventBridgeTrigger extends Construct implements Trigger {
  readonly outputs: TriggerOutputs;
  readonly #rules: ServiceRules;

  constructor(scope: Construct, id: string, props: TriggerProps) {
    super(scope, id);
    this.#rules = new ServiceRules(this, "start-build", props);
    addForwarding(props.config, props.surroundings);
    this.outputs = { dead_letter_queue_url: { value: this.#rules.deadLetters.url } };
  }

  get notification(): BucketNotification {
    return { kind: "eventbridge", dependsOn: this.#rules.targets };
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
  addService(service: Service): void {
    this.#rules.add(service, {
      DROP_VERSION_ID: "$.detail.object.version-id",
      DROP_ETAG: "$.detail.object.etag",
      DROP_SEQUENCER: "$.detail.object.sequencer",
      DROP_TIME: "$.time",
    });
  }
}

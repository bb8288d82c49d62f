import { Construct } from "constructs";
import { UPLOAD_CALLS } from "../../config/event-pattern";
import type { TriggerConfig } from "../../config/trigger";
import type { Service } from "../service";
import { ServiceRules } from "./service-rules";
import { type FieldSelector, Trail } from "./trail";
import type { Trigger, TriggerOutputs, TriggerProps } from "./trigger";

const SECONDS_PER_MINUTE = 60;

export interface CloudTrailTriggerProps extends TriggerProps {
  readonly cloudtrail: Extract<TriggerConfig, { readonly kind: "cloudtrail" }>;
}

/** S3's API calls -> CloudTrail -> EventBridge -> CodeBuild, where the build waits for the upload. */
export class CloudTrailTrigger extends Construct implements Trigger {
  readonly buildVariables: Readonly<Record<string, string>>;
  readonly outputs: TriggerOutputs;
  readonly #rules: ServiceRules;

  constructor(scope: Construct, id: string, props: CloudTrailTriggerProps) {
    super(scope, id);
    const { config, surroundings, cloudtrail } = props;
    const selector = renderSelector(surroundings.bucketArn(config.bucket.name));
    this.#rules = new ServiceRules(this, "start-build", props);
    if (cloudtrail.trail) new Trail(this, "trail", { ...props, selector });
    this.buildVariables = {
      MAX_WAIT_TIME: String(cloudtrail.maxWait * SECONDS_PER_MINUTE),
      CHECK_INTERVAL: String(cloudtrail.checkInterval),
    };
    this.outputs = {
      dead_letter_queue_url: { value: this.#rules.deadLetters.url },
      ...(!cloudtrail.trail && {
        trail_must_record: {
          value: { advanced_event_selector: [{ field_selector: selector }] },
          description: "What an aws_cloudtrail of the account has to record, so that builds start",
        },
      }),
    };
  }

  /** https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html */
  addService(service: Service): void {
    this.#rules.add(service, {
      DROP_VERSION_ID: "$.detail.responseElements.x-amz-version-id",
      DROP_TIME: "$.detail.eventTime",
      DROP_CALL: "$.detail.eventName",
    });
  }
}

/**
 * What is recorded: the calls that builds are started by. Every record is paid for, and a large upload is thousands of calls for its parts.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html
 */
function renderSelector(bucketArn: string): FieldSelector[] {
  return [
    { field: "eventCategory", equals: ["Data"] },
    { field: "resources.type", equals: ["AWS::S3::Object"] },
    { field: "resources.ARN", starts_with: [`${bucketArn}/`] },
    { field: "readOnly", equals: ["false"] },
    { field: "eventName", equals: UPLOAD_CALLS },
  ];
}

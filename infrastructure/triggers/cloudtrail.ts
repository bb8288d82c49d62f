import { Construct } from "constructs";
import type { TriggerConfig } from "../../config/trigger";
import { BEGIN_CALL, DROP_CALLS } from "../../core/drop";
import type { BuildNeeds } from "../build-role";
import { exactly, type Statement } from "../policies";
import type { Service } from "../service";
import { ServiceRules } from "./service-rules";
import { type FieldSelector, Trail } from "./trail";
import type { Trigger, TriggerOutputs, TriggerProps } from "./trigger";

/** The calls that an upload begins or ends with. */
const CALLS = [BEGIN_CALL, ...DROP_CALLS];

const SECONDS_PER_MINUTE = 60;

export interface CloudTrailTriggerProps extends TriggerProps {
  readonly cloudtrail: Extract<TriggerConfig, { readonly kind: "cloudtrail" }>;
}

/** S3's API calls -> CloudTrail -> EventBridge -> CodeBuild, where the build waits for the upload. */
export class CloudTrailTrigger extends Construct implements Trigger {
  readonly builds: BuildNeeds;
  readonly outputs: TriggerOutputs;
  readonly #bucket: string;
  readonly #rules: ServiceRules;

  constructor(scope: Construct, id: string, props: CloudTrailTriggerProps) {
    super(scope, id);
    const { config, surroundings, cloudtrail } = props;
    this.#bucket = config.bucket.name;
    const bucketArn = surroundings.bucketArn(this.#bucket);
    const selector = renderSelector(bucketArn);
    this.#rules = new ServiceRules(this, "start-build", props);
    if (cloudtrail.trail) new Trail(this, "trail", { ...props, selector });
    this.builds = {
      variables: {
        MAX_WAIT_TIME: String(cloudtrail.maxWait * SECONDS_PER_MINUTE),
        CHECK_INTERVAL: String(cloudtrail.checkInterval),
      },
      permissions: (key) => renderLookUps(bucketArn, key),
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
      detailType: "AWS API Call via CloudTrail",
      detail: {
        // Whatever the partition's hosts end in.
        eventSource: [{ prefix: "s3." }],
        eventName: CALLS,
        requestParameters: { bucketName: [this.#bucket], key: [service.config.key] },
        errorCode: [{ exists: false }],
      },
      paths: {
        DROP_VERSION_ID: "$.detail.responseElements.x-amz-version-id",
        DROP_TIME: "$.detail.eventTime",
        DROP_CALL: "$.detail.eventName",
      },
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
    { field: "eventName", equals: CALLS },
  ];
}

/**
 * Lets a build see whether an upload still runs and which version it made.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 */
function renderLookUps(bucketArn: string, key: string | undefined): Statement[] {
  return [
    {
      Sid: "FindVersions",
      Effect: "Allow",
      Action: "s3:ListBucketVersions",
      Resource: bucketArn,
      Condition: key === undefined ? undefined : { StringEquals: { "s3:prefix": exactly(key) } },
    },
    {
      Sid: "FindUploads",
      Effect: "Allow",
      Action: "s3:ListBucketMultipartUploads",
      // S3 has no s3:prefix for this action; a statement that asks for it would allow nothing.
      Resource: bucketArn,
    },
  ];
}

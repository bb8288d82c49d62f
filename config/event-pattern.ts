import { BEGIN_CALL, DROP_CALLS } from "../core/drop";
import type { PipelineConfig, ServiceConfig } from "./schema";

/** The calls that an upload begins or ends with. */
export const UPLOAD_CALLS = [BEGIN_CALL, ...DROP_CALLS];

/** What the rule of one service matches, with a trigger whose rules start the builds themselves: JSON, as EventBridge takes it. */
export function servicePattern(
  { trigger, bucket }: Pick<PipelineConfig, "trigger" | "bucket">,
  { key }: Pick<ServiceConfig, "key">,
): string {
  const events = trigger.kind === "cloudtrail" ? callsOf(bucket.name, key) : objectsOf(bucket.name, key);
  return JSON.stringify({ source: ["aws.s3"], ...events });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
function objectsOf(bucket: string, key: string) {
  return { "detail-type": ["Object Created"], detail: { bucket: { name: [bucket] }, object: { key: [key] } } };
}

/** https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html */
function callsOf(bucket: string, key: string) {
  return {
    "detail-type": ["AWS API Call via CloudTrail"],
    detail: {
      // Whatever the partition's hosts end in.
      eventSource: [{ prefix: "s3." }],
      eventName: UPLOAD_CALLS,
      requestParameters: { bucketName: [bucket], key: [key] },
      errorCode: [{ exists: false }],
    },
  };
}

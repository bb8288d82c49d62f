import { BEGIN_CALL, DROP_CALLS, isDropCall, parseDrop } from "../drop";
import { checkSource } from "./eventbridge";
import { type EventContents, expectObject, expectString, expectVersion, type Report } from "./shape";

/**
 * A call of S3's API as CloudTrail reports it to EventBridge. Only the records of calls that end an upload are drops, and only they
 * can name the version that was made.
 * https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-s3.html
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 */
export const cloudTrailCall: Report = {
  name: "an S3 API call of CloudTrail",
  matches: (event) => event["detail-type"] === "AWS API Call via CloudTrail",
  read: (event) => {
    checkSource(event);
    const detail = expectObject(event.detail, "detail");
    expectVersion(detail.eventVersion, "detail.eventVersion", 1);
    const call = expectString(detail.eventName, "detail.eventName");
    if (detail.errorCode !== undefined) {
      return ignore(`${call} failed (${expectString(detail.errorCode, "detail.errorCode")}) and wrote nothing`);
    }
    if (call === BEGIN_CALL) return ignore(`${call} reports the start of an upload, not its end`);
    if (!isDropCall(call)) return ignore(`${call} is not a finished upload (${DROP_CALLS.join(", ")})`);
    const request = expectObject(detail.requestParameters, "detail.requestParameters");
    // Of a call that answers nothing worth telling, it is null.
    const response = expectObject(detail.responseElements ?? {}, "detail.responseElements");
    const drop = parseDrop({
      bucket: request.bucketName,
      key: request.key,
      versionId: response["x-amz-version-id"],
      time: detail.eventTime,
      call,
    });
    return { drops: [drop], ignored: [] };
  },
};

function ignore(reason: string): EventContents {
  return { drops: [], ignored: [reason] };
}

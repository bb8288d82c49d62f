import { parseDrop } from "../drop";
import { excerpt, UnreadableEventError } from "../errors";
import { expectObject, expectString, expectVersion, type JsonObject, type Report } from "./shape";

/**
 * What S3 itself sends to EventBridge. There is no test event.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export const eventBridgeEvent: Report = {
  name: "an EventBridge event of S3",
  matches: (event) => "detail-type" in event && "detail" in event,
  read: (event) => {
    checkSource(event);
    const type = expectString(event["detail-type"], "detail-type");
    if (type !== CREATED) return { drops: [], ignored: [`${type} is not a finished upload (${CREATED})`] };
    const detail = expectObject(event.detail, "detail");
    checkVersion(detail);
    const bucket = expectObject(detail.bucket, "detail.bucket");
    const object = expectObject(detail.object, "detail.object");
    const drop = parseDrop({
      bucket: bucket.name,
      // As the sender wrote it: unlike in notifications, nothing is encoded.
      key: object.key,
      versionId: object["version-id"],
      etag: object.etag,
      size: object.size,
      sequencer: object.sequencer,
      time: event.time,
    });
    return { drops: [drop], ignored: [] };
  },
};

const CREATED = "Object Created";
const SOURCE = "aws.s3";

/** @throws UnreadableEventError where the event is not of S3. */
export function checkSource(event: JsonObject): void {
  if (event.source !== SOURCE) throw new UnreadableEventError(`source = ${excerpt(event.source)}`, `"${SOURCE}"`);
}

/** `version` is "0" in all events; `event-version`, which came later, counts like that of notifications. */
function checkVersion(detail: JsonObject): void {
  if (detail.version !== "0") throw new UnreadableEventError(`detail.version = ${excerpt(detail.version)}`, '"0"');
  if ("event-version" in detail) expectVersion(detail["event-version"], "detail.event-version", 1);
}

import { type Drop, parseDrop } from "../drop";
import { excerpt, UnreadableEventError } from "../errors";
import { expectObject, expectString, expectVersion, type JsonObject, type Report } from "./shape";

/**
 * What S3 itself sends to a queue, topic or function.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
export const s3Notification: Report = {
  name: "an S3 event notification",
  matches: (event) => Array.isArray(event.Records),
  read: (event) => {
    const drops: Drop[] = [];
    const ignored: string[] = [];
    for (const [index, entry] of (event.Records as readonly unknown[]).entries()) {
      const path = `Records[${index}]`;
      const record = expectObject(entry, path);
      checkSource(record, path);
      const eventName = expectString(record.eventName, `${path}.eventName`);
      if (eventName.startsWith(CREATED)) drops.push(readDrop(record, path));
      else ignored.push(`${eventName} is not a finished upload (${CREATED}*)`);
    }
    if (drops.length + ignored.length === 0) ignored.push("the notification holds no records");
    return { drops, ignored };
  },
};

/**
 * What S3 sends once, to see whether it may, when a notification is configured.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
 */
export const s3TestEvent: Report = {
  name: "an S3 test event",
  matches: (event) => event.Event === "s3:TestEvent",
  read: () => ({
    drops: [],
    ignored: ["s3:TestEvent reports no upload: S3 sends it when a notification is configured"],
  }),
};

const CREATED = "ObjectCreated:";
const SOURCE = "aws:s3";
/** A new minor version only adds fields; a new major version may change them. */
const MAJOR_VERSION = 2;

function checkSource(record: JsonObject, path: string): void {
  if (record.eventSource !== SOURCE) {
    throw new UnreadableEventError(`${path}.eventSource = ${excerpt(record.eventSource)}`, `"${SOURCE}"`);
  }
  expectVersion(record.eventVersion, `${path}.eventVersion`, MAJOR_VERSION);
}

function readDrop(record: JsonObject, path: string): Drop {
  const s3 = expectObject(record.s3, `${path}.s3`);
  const bucket = expectObject(s3.bucket, `${path}.s3.bucket`);
  const object = expectObject(s3.object, `${path}.s3.object`);
  return parseDrop({
    bucket: bucket.name,
    key: decodeKey(expectString(object.key, `${path}.s3.object.key`), path),
    versionId: object.versionId,
    etag: object.eTag,
    size: object.size,
    sequencer: object.sequencer,
    time: record.eventTime,
  });
}

/** Keys are form-encoded here (a space is `+`), unlike in EventBridge's events. */
function decodeKey(encoded: string, path: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll("+", " "));
  } catch (cause) {
    throw new UnreadableEventError(`${path}.s3.object.key = ${excerpt(encoded)}`, "a URL-encoded UTF-8 key", { cause });
  }
}

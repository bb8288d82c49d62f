import { InvalidDropError, MissingDropVariableError } from "./errors";

/**
 * One finished upload. Made by {@link parseDrop} only, so whoever holds a drop need not check it again.
 * Optional fields are absent where unknown, never empty.
 */
export interface Drop {
  /** Name of the bucket. */
  readonly bucket: string;
  /** Key as the sender wrote it: decoded Unicode, 1 to 1,024 bytes. It is a stranger's text: data, never code. */
  readonly key: string;
  /** Version of the object; absent for an object of a bucket without versioning. */
  readonly versionId?: string;
  /** Entity tag without its quotes. */
  readonly etag?: string;
  /** Bytes. */
  readonly size?: number;
  /**
   * Hexadecimal order of the events of one key: right-pad the shorter with zeros, compare as text.
   * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
   */
  readonly sequencer?: string;
  /** When S3 finished the request: ISO 8601 in UTC, as the event wrote it. */
  readonly time?: string;
  /** The API call that ended the upload, where CloudTrail reported it: its records name no entity tag. */
  readonly call?: DropCall;
}

/**
 * The API calls that end an upload, by their names in CloudTrail; PostObject is a form that a browser sends.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html
 */
export const DROP_CALLS = ["PutObject", "PostObject", "CopyObject", "CompleteMultipartUpload"] as const;

/** The API call that begins an upload in parts: its record says nothing of the end. */
export const BEGIN_CALL = "CreateMultipartUpload";

export type DropCall = (typeof DROP_CALLS)[number];

export function isDropCall(call: unknown): call is DropCall {
  return (DROP_CALLS as readonly unknown[]).includes(call);
}

/** What an event says about an upload, before it was checked. */
export type DropFields = { readonly [field in keyof Drop]?: unknown };

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const MAX_KEY_BYTES = 1024;
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html */
const MAX_VERSION_ID_LENGTH = 1024;

/** 3 to 63 characters today; up to 255, with capitals and underscores, for old buckets of us-east-1. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$/;
const ETAG = /^[!#-~]{1,1024}$/;
const SEQUENCER = /^[0-9A-Fa-f]{1,1024}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/;

/** The version id that S3 gives to objects written without versioning: it names no version. */
export const UNVERSIONED = "null";

/** @throws InvalidDropError naming the first field that S3 could not have written. */
export function parseDrop(fields: DropFields): Drop {
  const versionId = fields.versionId === UNVERSIONED ? undefined : optional(fields.versionId);
  const etag = unquote(optional(fields.etag));
  const size = fields.size ?? undefined;
  const sequencer = optional(fields.sequencer);
  const time = optional(fields.time);
  const call = optional(fields.call);
  return {
    bucket: text("bucket", fields.bucket, "a bucket name", (value) => BUCKET.test(value)),
    key: text("key", fields.key, `1 to ${MAX_KEY_BYTES} bytes long`, isKey),
    ...(versionId !== undefined && {
      versionId: text("versionId", versionId, `1 to ${MAX_VERSION_ID_LENGTH} characters long`, isVersionId),
    }),
    ...(etag !== undefined && { etag: text("etag", etag, "an entity tag", (value) => ETAG.test(value)) }),
    ...(size !== undefined && { size: bytes("size", size) }),
    ...(sequencer !== undefined && {
      sequencer: text("sequencer", sequencer, "a hexadecimal number", (value) => SEQUENCER.test(value)),
    }),
    ...(time !== undefined && { time: text("time", time, "a time like 2026-01-31T12:00:00.000Z", isTime) }),
    ...(call !== undefined && { call: finishedCall("call", call) }),
  };
}

/** The environment variables that carry a drop into its build, in the order in which they are set. */
const VARIABLES = {
  bucket: "DROP_BUCKET",
  key: "DROP_KEY",
  versionId: "DROP_VERSION_ID",
  etag: "DROP_ETAG",
  sequencer: "DROP_SEQUENCER",
  time: "DROP_TIME",
  call: "DROP_CALL",
} as const;

export type DropVariable = (typeof VARIABLES)[keyof typeof VARIABLES];

/** The drop as environment variables of its build. What is unknown is absent; the size is not passed on. */
export function dropVariables(drop: Drop): Partial<Record<DropVariable, string>> {
  const known = Object.entries(VARIABLES).flatMap(([field, variable]) => {
    const value = drop[field as keyof typeof VARIABLES];
    return value === undefined ? [] : [[variable, value]];
  });
  return Object.fromEntries(known) as Partial<Record<DropVariable, string>>;
}

/**
 * The drop that a build was started for. Empty variables count as absent.
 * @throws MissingDropVariableError without DROP_BUCKET or DROP_KEY.
 * @throws InvalidDropError for a value that S3 could not have written.
 */
export function dropFromVariables(environment: Readonly<Record<string, string | undefined>>): Drop {
  const missing = [VARIABLES.bucket, VARIABLES.key].filter((variable) => !environment[variable]);
  if (missing.length > 0) throw new MissingDropVariableError(missing);
  const fields = Object.entries(VARIABLES).map(([field, variable]) => [field, environment[variable]]);
  return parseDrop(Object.fromEntries(fields) as DropFields);
}

function text(field: keyof Drop, value: unknown, rule: string, holds: (value: string) => boolean): string {
  if (typeof value !== "string" || !holds(value)) throw new InvalidDropError(field, rule, value);
  return value;
}

function bytes(field: keyof Drop, value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidDropError(field, "a number of bytes, 0 or more", value);
  }
  return value;
}

function finishedCall(field: keyof Drop, value: unknown): DropCall {
  if (!isDropCall(value)) throw new InvalidDropError(field, DROP_CALLS.join(" or "), value);
  return value;
}

function optional(value: unknown): unknown {
  return value === "" || value === null ? undefined : value;
}

/** HeadObject quotes what notifications write bare. */
function unquote(etag: unknown): unknown {
  return typeof etag === "string" ? etag.replace(/^"(.*)"$/, "$1") : etag;
}

function isKey(value: string): boolean {
  return value !== "" && Buffer.byteLength(value) <= MAX_KEY_BYTES;
}

function isVersionId(value: string): boolean {
  return value.length <= MAX_VERSION_ID_LENGTH;
}

function isTime(value: string): boolean {
  return TIME.test(value) && !Number.isNaN(Date.parse(value));
}

import { addAbortSignal, type Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  GetObjectCommand,
  HeadObjectCommand,
  S3ServiceException,
  type GetObjectCommandOutput,
  type S3Client,
} from "@aws-sdk/client-s3";
import { inChunks } from "./chunks";
import { type Drop, parseDrop } from "../drop";
import { ArchiveError, ObjectDeniedError, ObjectGoneError, ObjectUnreadableError, ShortReadError } from "./errors";
import { readInPieces, Slots } from "./pieces";
import { collect, readAhead, streamOf, type RandomAccess } from "./source";

/** What a zip's reader asks for first: the longest end of a zip, comment and zip64 locator included. */
const TAIL = 22 + 20 + 0xffff;
/** How often reading may break off without a single byte in between. */
const ATTEMPTS = 4;

export interface ReadOptions {
  /** Bytes of one request, where more are read at once. @default 8 MiB */
  readonly pieceSize?: number;
  /** Requests ahead of the ones that are read from, by all readers of the object together. @default 3 */
  readonly ahead?: number;
}

/**
 * The bytes of exactly the object version that was dropped: pinned by its version id, by its etag, or by both where both
 * are known, so that what is written to the key later is never read. A drop that names neither is what its key holds now.
 * Costs one request, which brings the end of the object along. Large ranges are read by several requests at once.
 */
export async function openDrop(client: S3Client, drop: Drop, options: ReadOptions = {}): Promise<RandomAccess> {
  const object = new S3Object(client, drop);
  const tail = await object.tail();
  const pieceSize = options.pieceSize ?? 8 << 20;
  const slots = new Slots(options.ahead ?? 3);
  const piece = (start: number, end: number, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> =>
    inChunks(object.chunks(start, end, signal));
  const read = (start: number, end: number): Readable =>
    streamOf((signal) => readInPieces({ start, end, pieceSize, slots, piece, signal }));
  const source: RandomAccess = {
    name: object.name,
    size: tail.size,
    read,
    bytes: (start, end) => collect(read(start, end), end - start, object.name),
  };
  return readAhead(source, { start: tail.size - tail.data.length, data: tail.data });
}

/** The drop with the version id and the entity tag of what its key holds now: from here on, exactly these bytes or none. */
export async function pinDrop(client: S3Client, drop: Drop): Promise<Drop> {
  try {
    const object = await client.send(new HeadObjectCommand({ Bucket: drop.bucket, Key: drop.key }));
    return parseDrop({ ...drop, versionId: object.VersionId, etag: object.ETag, size: object.ContentLength });
  } catch (error) {
    throw explain(nameOf(drop), error);
  }
}

function pinned(drop: Drop, { VersionId, ETag }: Pick<GetObjectCommandOutput, "VersionId" | "ETag">): Drop {
  return drop.versionId === undefined && drop.etag === undefined
    ? parseDrop({ ...drop, versionId: VersionId, etag: ETag })
    : drop;
}

function pause(failures: number, signal?: AbortSignal): Promise<void> {
  return sleep(Math.random() * 250 * 2 ** failures, undefined, { signal });
}

class S3Object {
  readonly name: string;
  /** Pinned by the first answer, unless it is already. */
  #drop: Drop;

  constructor(
    readonly client: S3Client,
    drop: Drop,
  ) {
    this.name = nameOf(drop);
    this.#drop = drop;
  }

  async tail(): Promise<{ size: number; data: Buffer }> {
    try {
      for (let failures = 1; ; failures++) {
        const { ContentRange, Body, ...found } = await this.#get(`bytes=-${TAIL}`);
        this.#drop = pinned(this.#drop, found);
        try {
          const data = Buffer.from((await Body?.transformToByteArray()) ?? []);
          return { data, size: Number(/\/(\d+)$/.exec(ContentRange ?? "")?.[1] ?? data.length) };
        } catch (error) {
          if (failures === ATTEMPTS) throw error;
          await pause(failures);
        }
      }
    } catch (error) {
      // No range of an empty object can be satisfied.
      if (error instanceof S3ServiceException && error.name === "InvalidRange")
        return { size: 0, data: Buffer.alloc(0) };
      throw explain(this.name, error);
    }
  }

  /** A connection that breaks off is taken up again at the byte where it broke. */
  async *chunks(start: number, end: number, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    let position = start;
    let failures = 0;
    while (position < end) {
      try {
        const { Body } = await this.#get(`bytes=${position}-${end - 1}`, signal);
        for await (const chunk of addAbortSignal(signal, Body as Readable) as AsyncIterable<Buffer>) {
          position += chunk.length;
          failures = 0;
          yield chunk;
        }
        if (position < end) throw new ShortReadError(this.name, position, end);
      } catch (error) {
        signal.throwIfAborted();
        const isFinal = error instanceof S3ServiceException || ++failures === ATTEMPTS;
        if (isFinal) throw explain(this.name, error);
        await pause(failures, signal);
      }
    }
  }

  async #get(range: string, abortSignal?: AbortSignal): Promise<GetObjectCommandOutput> {
    const { bucket, key, versionId, etag } = this.#drop;
    const command = new GetObjectCommand({
      Bucket: bucket,
      Key: key,
      VersionId: versionId,
      IfMatch: etag === undefined ? undefined : `"${etag}"`,
      Range: range,
    });
    // A signal of its own: the client leaves its listener behind.
    return this.client.send(command, { abortSignal: abortSignal && AbortSignal.any([abortSignal]) });
  }
}

function nameOf({ bucket, key, versionId }: Drop): string {
  return `s3://${bucket}/${key}${versionId === undefined ? "" : `?versionId=${versionId}`}`;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
function explain(object: string, error: unknown): Error {
  if (error instanceof ArchiveError) return error;
  const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
  const reason = reasonOf(error, status);
  const options = { cause: error };
  switch (status) {
    case 403:
      return new ObjectDeniedError(object, reason, options);
    // 405: the version is a delete marker.
    case 404:
    case 405:
    case 412:
      return error instanceof Error && error.name === "NoSuchBucket"
        ? new ObjectUnreadableError(object, reason, options)
        : new ObjectGoneError(object, reason, options);
    default:
      return new ObjectUnreadableError(object, reason, options);
  }
}

function reasonOf(error: unknown, status: number | undefined): string {
  const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
  // An answer to HEAD has no body that could say more.
  if (message === "UnknownError" && status !== undefined) return `HTTP ${status}`;
  return message === "" || message === name ? name : `${name}: ${message.replace(/\.$/, "")}`;
}

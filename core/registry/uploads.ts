import { Readable } from "node:stream";
import { sha256, type Digest } from "../digest";
import { BlobUpload, type BlobSource, type StreamedBlob } from "./blob-upload";
import type { Connection } from "./connection";
import { BlobSizeError, RegistryError } from "./errors";
import { checkLayerSize } from "./limits";
import { UploadRequests } from "./upload-requests";

/** A blob whose digest is known before its bytes are read. */
export interface KnownBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Its bytes from `start` on. Called again for what has to be sent again. */
  open(start: number): Readable;
}

export interface UploadOptions {
  /** Breaks the upload off with its reason. @default - none */
  readonly signal?: AbortSignal;
}

export interface UploadBlobOptions extends UploadOptions {
  /** Repositories of the same registry that may have the blob, from which it is mounted instead of sent. @default [] */
  readonly mountFrom?: readonly string[];
}

export interface UploadedBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** `existed`: the repository had it; `mounted`: it was taken from another repository. */
  readonly how: "existed" | "mounted" | "sent";
  /** Bytes that went over the network, those included that had to be sent again. */
  readonly sent: number;
}

/** Bytes of a blob that are held in memory, so that it can be sent by one request less and again without reading it again. */
const SMALL_BLOB = 4 * 1024 * 1024;

/** Brings blobs into a repository. */
export class Uploads {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async has(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    const action = `looking for ${digest} in ${this.#repository}`;
    const url = this.#connection.url(`blobs/${digest}`);
    // An answer of 307 leads to where the blob lies, so there is one.
    const { status } = await this.#connection.request(action, { method: "HEAD", url, signal }, [200, 307, 404]);
    return status !== 404;
  }

  async mount(digest: Digest, from: string, { signal }: UploadOptions = {}): Promise<boolean> {
    const requests = new UploadRequests(this.#connection, `mounting ${digest} into ${this.#repository}`, signal);
    return (await tryMounting(requests, digest, [from])) === "mounted";
  }

  /** @param session of an upload that was started for it */
  async known(
    blob: KnownBlob,
    { mountFrom = [], signal }: UploadBlobOptions = {},
    session?: URL,
  ): Promise<UploadedBlob> {
    const { digest, size } = blob;
    const action = `uploading ${digest} to ${this.#repository}`;
    checkLayerSize(action, this.#connection.host, size);
    if (await this.has(digest, signal)) return { digest, size, how: "existed", sent: 0 };
    const requests = new UploadRequests(this.#connection, action, signal);
    const mount = await tryMounting(requests, digest, mountFrom);
    if (mount === "mounted") return { digest, size, how: "mounted", sent: 0 };
    if (size <= SMALL_BLOB) return this.#sendWhole(requests, digest, await readWhole(blob), mount ?? session);
    const seal = (): KnownBlob => blob;
    const source: BlobSource = {
      sealed: blob,
      open: (start) => ({ stream: blob.open(start), skip: 0, seal }),
    };
    const upload = new BlobUpload(requests, source, mount ?? session);
    await upload.run();
    return { digest, size, how: "sent", sent: upload.sent };
  }

  async streamed(what: string, open: () => StreamedBlob, { signal }: UploadOptions = {}): Promise<UploadedBlob> {
    const requests = new UploadRequests(this.#connection, `uploading ${what} to ${this.#repository}`, signal);
    // Meanwhile the stream is made. One that proves needless, since the blob is there, is the registry's to forget.
    const session = requests.start().catch(() => undefined);
    const first = open();
    try {
      const { head, rest } = await readHead(first.stream);
      if (!rest) {
        return await this.known(inMemory(head, first.seal().digest), { signal }, await session);
      }
      let next: StreamedBlob | undefined = { stream: rest, seal: () => first.seal() };
      const source: BlobSource = {
        open: (start) => {
          const blob = next ?? open();
          next = undefined;
          return { stream: blob.stream, seal: () => blob.seal(), skip: start };
        },
      };
      const upload = new BlobUpload(requests, source, await session);
      const sealed = await upload.run();
      return { ...sealed, how: "sent", sent: upload.sent };
    } finally {
      first.stream.destroy();
    }
  }

  async #sendWhole(requests: UploadRequests, digest: Digest, bytes: Buffer, session?: URL): Promise<UploadedBlob> {
    let location = session;
    let sent = 0;
    await this.#connection.retrying(async () => {
      const url = location ?? (await requests.start());
      // A session that broke off has some of the bytes.
      location = undefined;
      try {
        sent += bytes.length;
        await requests.finish(url, digest, bytes);
      } catch (error) {
        const mayBeThere = error instanceof RegistryError && error.retryable() !== false;
        if (!mayBeThere || !(await requests.isThere(digest))) throw error;
      }
    }, requests.signal);
    return { digest, size: bytes.length, how: "sent", sent };
  }

  get #repository(): string {
    return `${this.#connection.host}/${this.#connection.name}`;
  }
}

export function inMemory(bytes: Buffer, digest = sha256(bytes)): KnownBlob {
  return { digest, size: bytes.length, open: (start) => Readable.from([bytes.subarray(start)]) };
}

/**
 * A mount only saves work: whatever prevents it, the blob is sent.
 * @returns a session, where the registry opened one instead; undefined if there is neither.
 */
async function tryMounting(
  requests: UploadRequests,
  digest: Digest,
  repositories: readonly string[],
): Promise<URL | "mounted" | undefined> {
  let session: URL | undefined;
  for (const from of repositories) {
    try {
      const opened = await requests.mount(digest, from);
      if (opened === undefined) return "mounted";
      session ??= opened;
    } catch (error) {
      requests.signal?.throwIfAborted();
      if (!(error instanceof RegistryError)) throw error;
    }
  }
  return session;
}

async function readWhole(blob: KnownBlob): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of blob.open(0) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > blob.size) break;
    chunks.push(chunk);
  }
  if (length !== blob.size) throw new BlobSizeError(length, blob.size);
  return Buffer.concat(chunks);
}

/** The beginning of a stream, and all of it as a stream again unless that was all. */
async function readHead(stream: Readable): Promise<{ head: Buffer; rest?: Readable }> {
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  const chunks: Buffer[] = [];
  for (let length = 0; length <= SMALL_BLOB;) {
    const { value, done } = await iterator.next();
    if (done) return { head: Buffer.concat(chunks) };
    chunks.push(value);
    length += value.length;
  }
  const whole = async function* (): AsyncGenerator<Buffer> {
    try {
      for (let chunk = chunks.shift(); chunk; chunk = chunks.shift()) yield chunk;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      stream.destroy();
    }
  };
  return { head: Buffer.alloc(0), rest: Readable.from(whole(), { objectMode: false, highWaterMark: 1 << 20 }) };
}

import type { Readable } from "node:stream";
import type { Digest } from "../digest";
import { RegistryDeniedError, RegistryRefusedError, TokenExpiredError } from "./errors";
import { registryRegion } from "./host";
import { OutgoingStream } from "./outgoing";
import type { UploadRequests } from "./upload-requests";

export interface Sealed {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** A blob whose digest is known only when its last byte has gone past. */
export interface StreamedBlob {
  readonly stream: Readable;
  /** Called after the end. What it throws leaves the upload unfinished: the blob does not come to be. */
  seal(): Sealed;
}

/** Where the bytes of an upload come from. */
export interface BlobSource {
  /** Called again for what has to be sent again. `skip` tells how many bytes of the stream come before `start`. */
  open(start: number): StreamedBlob & { readonly skip: number };
  /** @default - known only at the end */
  readonly sealed?: Sealed;
}

/** An upload session of the registry. */
interface Session {
  location: URL;
  /** Bytes that the registry has. */
  offset: number;
  /** Bytes that it can have at most, if what was sent last has broken off; undefined if nothing has. */
  reach?: number;
  readonly isResumed: boolean;
  /** All bytes are there: what they are. */
  sealed?: Sealed;
}

/**
 * Sends one blob by one PATCH, however large, as `docker push` does it. What breaks off goes on where the registry says that it stands,
 * or, if it does not say, from the start in another session.
 */
export class BlobUpload {
  /** Bytes that were sent, those included that were sent again. */
  sent = 0;
  readonly #requests: UploadRequests;
  readonly #source: BlobSource;
  #session: Session | undefined;
  #mayResume: boolean;
  #furthest = 0;
  #wasRenewed = false;

  /** @param location of a session that is there already */
  constructor(requests: UploadRequests, source: BlobSource, location?: URL) {
    this.#requests = requests;
    this.#source = source;
    if (location) this.#session = { location, offset: 0, isResumed: false };
    // ECR drops what a second PATCH brings, or does not count it (https://github.com/aws/containers-roadmap/issues/2831).
    this.#mayResume = registryRegion(requests.connection.host) === undefined;
  }

  run(): Promise<Sealed> {
    return this.#requests.connection.retrying((progress) => this.#attempt(progress), this.#requests.signal);
  }

  async #attempt(progress: () => void): Promise<Sealed> {
    const session = await this.#continue(progress);
    try {
      const sealed = (session.sealed ??= await this.#append(session));
      await this.#requests.finish(session.location, sealed.digest);
      return sealed;
    } catch (error) {
      // The answer may have been lost, or a twin was faster: a blob that is there need not be sent again.
      if (session.sealed && (await this.#requests.isThere(session.sealed.digest))) return session.sealed;
      if (error instanceof TokenExpiredError) this.#checkRenewal(error);
      if (!(error instanceof RegistryRefusedError) || error.isMomentary) throw error;
      this.#session = undefined;
      if (!session.isResumed) throw error;
      // The parts do not fit together.
      this.#mayResume = false;
      return this.#attempt(progress);
    }
  }

  async #continue(progress: () => void): Promise<Session> {
    const session = this.#session;
    if (session && session.reach === undefined) return session;
    const status = session && this.#mayResume ? await this.#requests.status(session.location) : undefined;
    if (session?.reach === undefined || status === undefined || status.offset > session.reach) {
      return (this.#session = { location: await this.#requests.start(), offset: 0, isResumed: false });
    }
    if (status.offset > this.#furthest) {
      this.#furthest = status.offset;
      this.#wasRenewed = false;
      progress();
    }
    return (this.#session = { ...status, isResumed: true });
  }

  async #append(session: Session): Promise<Sealed> {
    const { sealed: known } = this.#source;
    if (session.offset > 0 && session.offset === known?.size) return known;
    const blob = this.#source.open(session.offset);
    const rest = known && known.size - session.offset;
    const body = new OutgoingStream(blob.stream, blob.skip, rest);
    try {
      session.location = await this.#requests.append(session.location, session.offset, body, rest);
      return blob.seal();
    } catch (error) {
      session.reach = session.offset + body.sent;
      throw error;
    } finally {
      this.sent += body.sent;
      blob.stream.destroy();
    }
  }

  #checkRenewal(error: TokenExpiredError): void {
    const { name } = this.#requests.connection;
    if (this.#wasRenewed) throw new RegistryDeniedError(error.action, name, error.refusal);
    this.#wasRenewed = true;
  }
}

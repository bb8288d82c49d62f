import type { Digest } from "../digest";
import { sha256 } from "../digest";
import type { StreamedBlob } from "./blob-upload";
import { Connection, type ConnectionOptions } from "./connection";
import { RegistryProtocolError } from "./errors";
import type { Manifest } from "./manifest";
import { Manifests, type ManifestHead } from "./manifests";
import {
  inMemory,
  Uploads,
  type KnownBlob,
  type UploadBlobOptions,
  type UploadedBlob,
  type UploadOptions,
} from "./uploads";

export type { StreamedBlob } from "./blob-upload";
export type { ManifestHead } from "./manifests";
export type { KnownBlob, UploadBlobOptions, UploadedBlob, UploadOptions } from "./uploads";

/**
 * One repository of a registry, by the OCI distribution API (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
 * What can be repeated is repeated when the registry is busy or the connection breaks; a token that ran out is renewed once
 * for each request.
 */
export class Repository {
  readonly name: string;
  readonly host: string;
  readonly #options: ConnectionOptions;
  readonly #connection: Connection;
  readonly #manifests: Manifests;
  readonly #uploads: Uploads;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.name = options.name;
    this.host = options.registry.host;
    this.#connection = new Connection(options);
    this.#manifests = new Manifests(this.#connection);
    this.#uploads = new Uploads(this.#connection);
  }

  /** `host/name`, as in references. */
  get reference(): string {
    return `${this.host}/${this.name}`;
  }

  /** Another repository of the same registry. */
  sibling(name: string): Repository {
    return new Repository({ ...this.#options, name });
  }

  /**
   * A manifest or an index. Its digest is that of the bytes, and the one that the registry names.
   * @param reference tag or digest
   */
  manifest(reference: string): Promise<Manifest | undefined> {
    return this.#manifests.get(reference);
  }

  /**
   * What a tag points to, by one small answer. The repository itself may be missing as well: an answer to HEAD does not tell.
   * @param reference tag or digest
   */
  headManifest(reference: string): Promise<ManifestHead | undefined> {
    return this.#manifests.head(reference);
  }

  /**
   * @param reference tag, or the digest of the bytes (children of an index)
   * @throws TagImmutableError if the tag has another manifest and may not be moved.
   * @throws ManifestTooLargeError, for ECR only
   */
  putManifest(reference: string, manifest: Pick<Manifest, "mediaType" | "bytes">): Promise<void> {
    return this.#manifests.put(reference, manifest);
  }

  hasBlob(digest: Digest): Promise<boolean> {
    return this.#uploads.has(digest);
  }

  /**
   * Takes a blob over from another repository of the same registry, where the registry does that.
   * @returns whether it is here now
   */
  mountBlob(digest: Digest, from: string, options?: UploadOptions): Promise<boolean> {
    return this.#uploads.mount(digest, from, options);
  }

  /** A small blob, such as a configuration, verified. At most 8 MiB. Redirects are followed, without credentials to another host. */
  async blob(digest: Digest): Promise<Buffer> {
    const action = `reading ${digest} of ${this.reference}`;
    const request = { method: "GET", url: this.#connection.url(`blobs/${digest}`) } as const;
    const { body } = await this.#connection.request(action, request, [200]);
    const found = sha256(body);
    if (found !== digest) throw new RegistryProtocolError(action, `bytes with the digest ${found}`, digest);
    return body;
  }

  /**
   * Sends a blob if the repository lacks it. Up to 4 MiB go up by one request, from memory; larger ones are streamed.
   * @throws LayerTooLargeError, for ECR only
   * @throws what the blob's stream fails with
   */
  uploadBlob(blob: KnownBlob, options?: UploadBlobOptions): Promise<UploadedBlob> {
    return this.#uploads.known(blob, options);
  }

  uploadBytes(bytes: Buffer, options?: UploadBlobOptions): Promise<UploadedBlob> {
    return this.#uploads.known(inMemory(bytes), options);
  }

  /**
   * Uploads while the blob is being made, without knowing its length. If it proves to be of 4 MiB or less it is sent only if the
   * repository lacks it.
   * @param what for messages
   * @param open gives the blob from its start, the same bytes each time; called again for what has to be sent again.
   */
  uploadStream(what: string, open: () => StreamedBlob, options?: UploadOptions): Promise<UploadedBlob> {
    return this.#uploads.streamed(what, open, options);
  }
}

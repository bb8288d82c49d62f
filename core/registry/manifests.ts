import { isDigest, sha256, type Digest } from "../digest";
import type { Connection } from "./connection";
import {
  RegistryError,
  RegistryProtocolError,
  RegistryRefusedError,
  ManifestClashError,
  TagImmutableError,
} from "./errors";
import type { HttpResponse } from "./http";
import { checkManifestSize } from "./limits";
import { MEDIA_TYPES, type Manifest } from "./manifest";

/** What a tag points to. */
export interface ManifestHead {
  readonly digest: Digest;
  readonly mediaType: string;
}

const { dockerManifest, ociManifest, dockerList, ociIndex } = MEDIA_TYPES;
const HEADERS = { accept: [dockerManifest, ociManifest, dockerList, ociIndex].join(", ") };

/** Manifests and indexes of a repository. A reference is a tag or a digest. */
export class Manifests {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async get(reference: string): Promise<Manifest | undefined> {
    const action = `reading the manifest of ${this.#nameOf(reference)}`;
    const request = { method: "GET", url: this.#url(reference), headers: HEADERS } as const;
    const response = await this.#connection.request(action, request, [200, 404]);
    if (response.status === 404) return undefined;
    const digest = sha256(response.body);
    const expected = isDigest(reference) ? reference : (digestHeader(response) ?? digest);
    if (digest !== expected) throw new RegistryProtocolError(action, `bytes with the digest ${digest}`, expected);
    return { digest, mediaType: mediaTypeOf(response), bytes: response.body };
  }

  async head(reference: string): Promise<ManifestHead | undefined> {
    const action = `looking for ${this.#nameOf(reference)}`;
    const request = { method: "HEAD", url: this.#url(reference), headers: HEADERS } as const;
    const response = await this.#connection.request(action, request, [200, 404, 405]);
    if (response.status === 404) return undefined;
    const digest = digestHeader(response);
    return response.status === 200 && digest ? { digest, mediaType: mediaTypeOf(response) } : this.get(reference);
  }

  async put(reference: string, { mediaType, bytes }: Pick<Manifest, "mediaType" | "bytes">): Promise<void> {
    const action = `${isDigest(reference) ? "writing" : "tagging"} ${this.#nameOf(reference)}`;
    checkManifestSize(action, this.#connection.host, bytes.length);
    const headers = { "content-type": mediaType };
    const request = { method: "PUT", url: this.#url(reference), headers, body: bytes } as const;
    await this.#connection.retrying(async () => {
      try {
        await this.#connection.once(action, request, [201]);
      } catch (error) {
        const refused = explainRefusal(action, reference, error);
        if (await this.#tookEffect(reference, bytes, refused)) return;
        throw refused;
      }
    });
  }

  /**
   * An answer may be lost, or speak of what an earlier attempt has done. ECR refuses an immutable tag also to the digest that it has.
   */
  async #tookEffect(reference: string, bytes: Buffer, error: unknown): Promise<boolean> {
    if (!(error instanceof RegistryError && (error.retryable() !== false || error instanceof TagImmutableError)))
      return false;
    const action = `looking for ${this.#nameOf(reference)}`;
    const request = { method: "HEAD", url: this.#url(reference), headers: HEADERS } as const;
    const found = await this.#connection.once(action, request, [200]).then(digestHeader, () => undefined);
    return found === sha256(bytes);
  }

  #url(reference: string): URL {
    return this.#connection.url(`manifests/${reference}`);
  }

  #nameOf(reference: string): string {
    const { host, name } = this.#connection;
    return `${host}/${name}${isDigest(reference) ? "@" : ":"}${reference}`;
  }
}

/**
 * ECR: "TAG_INVALID: The image tag 'x' already exists in the 'y' repository and cannot be overwritten because the repository (or: the
 * tag) is immutable."
 */
function explainRefusal(action: string, tag: string, error: unknown): unknown {
  if (!(error instanceof RegistryRefusedError)) return error;
  if (/immutable/i.test(error.refusal.message)) return new TagImmutableError(action, tag, error.refusal);
  const isClash = error.refusal.code === "DIGEST_INVALID" && !isDigest(tag);
  return isClash ? new ManifestClashError(action, error.refusal) : error;
}

function digestHeader({ headers }: HttpResponse): Digest | undefined {
  const digest = headers["docker-content-digest"];
  return typeof digest === "string" && isDigest(digest) ? digest : undefined;
}

function mediaTypeOf({ headers }: HttpResponse): string {
  return headers["content-type"]?.split(";")[0]?.trim() ?? MEDIA_TYPES.dockerManifest;
}

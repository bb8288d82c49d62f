import * as z from "zod/mini";
import type { Credentials } from "./credentials";
import { RegistryProtocolError, RegistryRefusedError, RegistryUnreachableError } from "./errors";
import { exchange } from "./http";
import { readRefusal } from "./refusal";

export interface User {
  readonly name: string;
  readonly password: string;
}

/** What a registry asks for that leaves it to an authorization server who may do what. */
interface Challenge {
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
}

/** https://distribution.github.io/distribution/spec/auth/token/#token-response-fields */
const answerSchema = z.object({ token: z.optional(z.string()), access_token: z.optional(z.string()) });

const REMEDY = "check REGISTRY_USERNAME and REGISTRY_PASSWORD, and what the registry lets that user do";

/**
 * A user, or nobody, as the registry wants it: by HTTP basic authentication, until it asks for a token of its authorization server
 * (https://distribution.github.io/distribution/spec/auth/token/).
 */
export class UserCredentials implements Credentials {
  readonly #basic: string | undefined;
  readonly #scopes: Set<string>;
  #authorization: Promise<string | undefined>;
  /** What was given out last; null while there is a new one to come. */
  #latest: string | undefined | null;

  /** @param repository whose images are read and written */
  constructor(
    readonly registry: URL,
    repository: string,
    user?: User,
  ) {
    this.#basic = user && `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
    this.#latest = this.#basic;
    this.#authorization = Promise.resolve(this.#basic);
    // What reading alone would ask for does for none of the writes that follow.
    this.#scopes = new Set([`repository:${repository}:pull,push`]);
  }

  authorization(): Promise<string | undefined> {
    return this.#authorization;
  }

  renew(stale: string | undefined, header = ""): void {
    const challenge = readChallenge(header, this.registry);
    if (!challenge) return;
    const more = challenge.scopes.filter((scope) => !this.#scopes.has(scope));
    // Several requests may find out at once: the first one renews, unless another one wants more.
    if (stale !== this.#latest && more.length === 0) return;
    for (const scope of more) this.#scopes.add(scope);
    this.#latest = null;
    const renewed = this.#request(challenge);
    this.#authorization = renewed;
    renewed.then(
      (token) => {
        if (this.#authorization === renewed) this.#latest = token;
      },
      () => {
        // What is refused once must not spoil the tokens that follow.
        for (const scope of more) this.#scopes.delete(scope);
        if (this.#authorization !== renewed) return;
        this.#latest = stale;
        this.#authorization = Promise.resolve(stale);
      },
    );
  }

  async #request({ realm, service, scopes }: Challenge): Promise<string> {
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set("service", service);
    for (const scope of new Set([...this.#scopes, ...scopes])) url.searchParams.append("scope", scope);
    const headers = this.#basic === undefined ? {} : { authorization: this.#basic };
    const action = `asking ${realm.href} for a token for ${this.registry.host}`;
    const response = await exchange({ method: "GET", url, headers }).catch((cause: unknown) => {
      throw new RegistryUnreachableError(realm.host, action, cause as Error);
    });
    if (response.status !== 200) {
      const refusal = readRefusal(realm.host, response);
      throw new RegistryRefusedError(
        action,
        refusal,
        `one for ${url.searchParams.getAll("scope").join(" and ")}`,
        REMEDY,
      );
    }
    const { token, access_token: other } = readAnswer(response.body);
    if (token === undefined && other === undefined)
      throw new RegistryProtocolError(action, "an answer without one", "one");
    return `Bearer ${token ?? other}`;
  }
}

function readAnswer(body: Buffer): z.infer<typeof answerSchema> {
  try {
    return answerSchema.parse(JSON.parse(body.toString("utf8")));
  } catch {
    return {};
  }
}

/**
 * A challenge that names a server which the password may be shown to.
 * https://distribution.github.io/distribution/spec/auth/token/#how-to-authenticate
 */
function readChallenge(header: string, registry: URL): Challenge | undefined {
  if (!/^bearer /i.test(header)) return undefined;
  const fields = new Map([...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]));
  const realm = fields.get("realm") ?? "";
  if (!URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  // The registry's answer to plain http may come from anybody, but so may whatever else is sent there.
  const isSafe = url.protocol === "https:" || (url.protocol === "http:" && registry.protocol === "http:");
  const scope = fields.get("scope") ?? "";
  return isSafe ? { realm: url, service: fields.get("service"), scopes: scope.split(" ").filter(Boolean) } : undefined;
}

/** Gives the value of the `Authorization` header. */
export interface Credentials {
  authorization(): Promise<string>;
  /** Called when a registry did not accept `stale`: the next `authorization()` should be another, if there can be one. */
  renew(stale: string): void;
}

/** A user and a password, which stay what they are: a registry that refuses them twice has refused them. */
export class BasicCredentials implements Credentials {
  readonly #authorization: string;

  constructor(user: string, password: string) {
    this.#authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  }

  authorization(): Promise<string> {
    return Promise.resolve(this.#authorization);
  }

  renew(): void {
    return;
  }
}

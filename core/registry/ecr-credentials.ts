import { ECRClient, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr";
import type { Credentials } from "./credentials";
import { TokenUnavailableError } from "./errors";

/**
 * ECR's tokens: base64 of `AWS:PASSWORD`, valid for 12 hours in every registry that the caller may use
 * (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html).
 */
export class EcrCredentials implements Credentials {
  #authorization: Promise<string> | undefined;
  #latest: string | undefined;

  constructor(
    readonly client: ECRClient,
    readonly host: string,
  ) {}

  authorization(): Promise<string> {
    this.#authorization ??= this.#request();
    return this.#authorization;
  }

  renew(stale: string | undefined): void {
    // Several uploads may find out at once: the first one renews.
    if (stale === this.#latest) this.#authorization = undefined;
  }

  async #request(): Promise<string> {
    try {
      const { authorizationData } = await this.client.send(new GetAuthorizationTokenCommand({}));
      const token = authorizationData?.[0]?.authorizationToken ?? "";
      if (!Buffer.from(token, "base64").includes(":")) throw new Error("an answer without a token");
      this.#latest = `Basic ${token}`;
      return this.#latest;
    } catch (error) {
      this.#authorization = undefined;
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      throw new TokenUnavailableError(this.host, reason, { cause: error });
    }
  }
}

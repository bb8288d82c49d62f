import type { AuthorizationRequest, Iam, RolePrincipal, ServicePrincipal } from "../../local/iam";
import { AccessDeniedError } from "../../local/iam/errors";

/** Allows everything but what a test denies, and remembers what was asked. */
export class FakeIam implements Iam {
  /** What nobody may do: an action, what is done to a resource, or `action resource`. */
  readonly denied = new Set<string>();
  readonly asked: AuthorizationRequest[] = [];
  /** `role service for source as session`. */
  readonly assumed: string[] = [];
  readonly #owners = new Map<string, RolePrincipal>();

  authorize(request: AuthorizationRequest): Promise<void> {
    this.asked.push(request);
    return this.#check(request.action, request.resource);
  }

  async assumeRole(roleArn: string, { service, sourceArn, sourceAccount }: ServicePrincipal, sessionName = "session") {
    this.assumed.push(`${roleArn} ${service} ${sourceArn ?? "-"} ${sourceAccount ?? "-"} ${sessionName}`);
    await this.#check("sts:AssumeRole", roleArn);
    const accessKeyId = `ASIA${String(this.assumed.length).padStart(16, "0")}`;
    this.#owners.set(accessKeyId, { roleArn, sessionName });
    return { accessKeyId, secretAccessKey: `secret-${accessKeyId}`, sessionToken: `token-${accessKeyId}` };
  }

  ownerOf(accessKeyId: string): RolePrincipal | undefined {
    return this.#owners.get(accessKeyId);
  }

  registryPassword({ roleArn }: RolePrincipal): string {
    return `password-of-${roleArn}`;
  }

  holderOf(password: string): RolePrincipal | undefined {
    const roleArn = /^password-of-(.+)$/.exec(password)?.[1];
    return roleArn === undefined ? undefined : { roleArn };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Forgets what was denied and asked. */
  reset(): void {
    this.denied.clear();
    for (const list of [this.asked, this.assumed]) list.length = 0;
  }

  #check(action: string, resource: string): Promise<void> {
    return [action, resource, `${action} ${resource}`].some((what) => this.denied.has(what))
      ? Promise.reject(new AccessDeniedError("User: role", action, resource, "because the test says so"))
      : Promise.resolve();
  }
}

/** What a denied action's refusal says. */
export function denial(action: string, resource = ""): string {
  return `User: role is not authorized to perform: ${action} on resource: ${resource} because the test says so`;
}

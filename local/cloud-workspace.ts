/** Where a Terraform-Cloud-compatible server is, and who we are there. */
export interface CloudServer {
  /** Host, with a port where it is not 443. */
  readonly hostname: string;
  readonly token: string;
  readonly organization: string;
}

/** The server refused a request. */
class CloudApiError extends Error {
  override readonly name = "CloudApiError";

  constructor(method: string, url: string, status: number, text: string) {
    super(
      `${method} ${url} was refused: found status ${status} (${text.slice(0, 300)}), expected success; check TFC_TOKEN and TFC_ORGANIZATION`,
    );
  }
}

/**
 * A workspace for remote runs, which the CLI starts.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces
 */
export class CloudWorkspace {
  readonly #server: CloudServer;
  readonly #id: string;

  private constructor(server: CloudServer, id: string) {
    this.#server = server;
    this.#id = id;
  }

  /** @throws CloudApiError */
  static async create(server: CloudServer, name: string): Promise<CloudWorkspace> {
    const data = { type: "workspaces", attributes: { name, "execution-mode": "remote", "auto-apply": false } };
    const answer = await call(server, "POST", `organizations/${server.organization}/workspaces`, { data });
    return new CloudWorkspace(server, (answer as { data: { id: string } }).data.id);
  }

  /** Sets environment variables of the runs; they must be there before the first. */
  async setVariables(variables: Readonly<Record<string, string>>): Promise<void> {
    for (const [key, value] of Object.entries(variables)) {
      const attributes = { key, value, category: "env", hcl: false, sensitive: false };
      await call(this.#server, "POST", `workspaces/${this.#id}/vars`, { data: { type: "vars", attributes } });
    }
  }

  async delete(): Promise<void> {
    await call(this.#server, "DELETE", `workspaces/${this.#id}`);
  }
}

async function call(server: CloudServer, method: string, path: string, body?: object): Promise<unknown> {
  const url = `https://${server.hostname}/api/v2/${path}`;
  const response = await fetch(url, {
    method,
    headers: { Authorization: `Bearer ${server.token}`, "Content-Type": "application/vnd.api+json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new CloudApiError(method, url, response.status, text);
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}

/**
 * The variable that hands Terraform its token for a host.
 * https://developer.hashicorp.com/terraform/cli/config/config-file#environment-variable-credentials
 */
export function tokenVariable(hostname: string): string {
  return `TF_TOKEN_${hostname.replaceAll("-", "__").replaceAll(".", "_")}`;
}

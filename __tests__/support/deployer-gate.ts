import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { evaluate } from "../../local/iam/evaluate";
import type { Policy } from "../../local/iam/policy";
import { permissionsOf, type CallPermission, type Memory } from "./deployer-calls";
import { LoopbackServer } from "./loopback";

export interface DeployerGateOptions {
  readonly account: string;
  /** By service, where calls go on to; the rest to `endpoint`. */
  readonly codebuild: string;
  readonly endpoint: string;
}

/**
 * Stands between Terraform and AWS on this machine and lets through what a policy allows. The gate of functions and builds takes less: it
 * knows no calls that make or change anything.
 */
export class DeployerGate extends LoopbackServer {
  /** Who deploys, and by what; nobody may do anything before it is set. */
  policies: readonly Policy[] = [];
  /** `action resource`, each once. */
  readonly denied = new Set<string>();
  readonly allowed = new Set<string>();
  /** Calls that nobody has said the permissions of. */
  readonly unknown = new Set<string>();

  readonly #memory: Memory = { paths: new Map(), boundaries: new Map(), functions: new Map() };

  constructor(private readonly options: DeployerGateOptions) {
    super();
  }

  protected override async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const [, region = "", service = ""] =
      /Credential=[^/]+\/\d+\/([^/]+)\/([^/]+)\//.exec(request.headers.authorization ?? "") ?? [];
    const { method = "", url = "/", headers } = request;
    const call = { service, region, method, target: url, headers, body: body.toString("utf8") };
    let refused: string | undefined;
    try {
      refused = this.#refuse(permissionsOf(call, this.options.account, this.#memory));
    } catch (error) {
      refused = (error as Error).message;
      this.unknown.add(refused);
    }
    if (refused !== undefined) {
      response.writeHead(403, { "content-type": "application/x-amz-json-1.1" });
      response.end(JSON.stringify({ __type: "AccessDeniedException", message: refused }));
      return;
    }
    const answer = await forward(
      service === "codebuild" ? this.options.codebuild : this.options.endpoint,
      request,
      body,
      response,
    );
    if (service !== "lambda" || !/\/event-source-mappings\/?$/.test(url) || method !== "POST") return;
    const { UUID, FunctionArn } = JSON.parse(answer.toString("utf8")) as { UUID: string; FunctionArn: string };
    this.#memory.functions.set(UUID, FunctionArn);
  }

  #refuse(permissions: readonly CallPermission[]): string | undefined {
    for (const { action, resource, context = {} } of permissions) {
      const requester = { roleArn: "arn:aws:iam::123456789012:role/deployer", sessionArn: "session" };
      const request = { requester, action, resource, context: new Map(Object.entries(context)) };
      const line = `${action} ${resource}`;
      if (!evaluate(request, this.policies).allowed) {
        this.denied.add(line);
        return `the deployer may not ${line}`;
      }
      this.allowed.add(line);
    }
    return undefined;
  }
}

async function forward(
  base: string,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<Buffer> {
  const { hostname, port } = new URL(base);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const { method, url: path, headers } = request;
    httpRequest({ hostname, port, method, path, headers, agent: false })
      .once("response", resolve)
      .once("error", reject)
      .end(body);
  });
  const content = await buffer(answer);
  const headers = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name !== "transfer-encoding"));
  response.writeHead(answer.statusCode ?? 502, headers).end(content);
  return content;
}

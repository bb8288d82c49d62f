import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import type { Iam, RolePrincipal } from ".";
import { refusal, type Refusal } from "./answers";
import { AccessDeniedError, UndecidedError, UnmappedOperationError, UnsupportedResourceError } from "./errors";
import { permissionOfS3, permissionsOfJson, type JsonCall, type Permission } from "./operations";
import { parseRoleArn } from "./principal";

export type GateEvent =
  /** The applied policies do not allow a call. */
  | { readonly type: "denied"; readonly error: AccessDeniedError }
  /** A call that is not decided on, and not let through: by whom, or what it takes, is not known. */
  | { readonly type: "refused"; readonly message: string };

export interface GateOptions {
  /** Where every AWS API but CodeBuild's is served, such as moto's URL. */
  readonly endpoint: string;
  /** CodeBuild's URL; asked for at each call, since CodeBuild itself needs the gate's. */
  readonly codebuild: () => string;
  readonly iam: Iam;
  /** @default 0, any free port */
  readonly port?: number;
  readonly onEvent?: (event: GateEvent) => void;
}

export interface Gate {
  /** The endpoint of every AWS API for those who act by a role. */
  readonly url: string;
  close(): Promise<void>;
}

/** A call whose caller is known. */
interface Call {
  readonly caller: RolePrincipal;
  readonly service: string;
  readonly permissions: readonly Permission[];
  /** Whose registry is meant, where a call names it. */
  readonly registryId?: string;
  /** Read already, where the permissions depend on it. */
  readonly body?: Buffer;
}

/** Why a call is answered without being carried out. */
class Refused extends Error {
  constructor(
    readonly answer: Refusal,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Stands between functions or builds and AWS on this machine: finds the role by the access key that a call is signed with, asks `iam`
 * whether the role may do that, and passes the call on or answers as the service would. Signatures are not checked.
 */
export async function startGate(options: GateOptions): Promise<Gate> {
  const server = createServer((request, response) => {
    void handle(options, request, response);
  });
  // A long poll, or a large object read slowly, may take its time.
  server.requestTimeout = 0;
  await new Promise<void>((listening, failed) => {
    server.once("error", failed).listen(options.port ?? 0, "127.0.0.1", listening);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function handle(options: GateOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { service, region, accessKeyId } = credentialScope(request);
  try {
    const caller = callerOf(options.iam, service, accessKeyId);
    const call = await read(caller, service, region, request);
    for (const permission of call.permissions) await options.iam.authorize({ principal: caller, ...permission });
    await forward(options, call, request, response);
  } catch (error) {
    const { answer, message, cause } = error instanceof Refused ? error : refusedBy(error, service);
    if (cause instanceof AccessDeniedError) options.onEvent?.({ type: "denied", error: cause });
    else options.onEvent?.({ type: "refused", message });
    send(response, answer, request.method);
  }
}

/** `Credential=<key>/<date>/<region>/<service>/aws4_request`: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html */
function credentialScope({ headers }: IncomingMessage) {
  const match = /Credential=([^/]+)\/\d+\/([^/]+)\/([^/]+)\//.exec(headers.authorization ?? "");
  const [, accessKeyId, region = "", service = ""] = match ?? [];
  return { accessKeyId, region, service };
}

function callerOf(iam: Iam, service: string, accessKeyId: string | undefined): RolePrincipal {
  if (accessKeyId === undefined) {
    const message = "Missing Authentication Token: the gate takes calls that are signed with a role's credentials";
    throw new Refused(refusal(service, "unsigned", message), message);
  }
  const caller = iam.ownerOf(accessKeyId);
  if (caller !== undefined) return caller;
  const message =
    service === "s3"
      ? "The AWS Access Key Id you provided does not exist in our records."
      : "The security token included in the request is invalid.";
  throw new Refused(refusal(service, "unknown-key", message), `${message} (${accessKeyId}, ${service})`);
}

async function read(caller: RolePrincipal, service: string, region: string, request: IncomingMessage): Promise<Call> {
  const place = { ...parseRoleArn(caller.roleArn), region };
  if (service === "s3") {
    const { method = "", url = "/", headers } = request;
    return { caller, service, permissions: [permissionOfS3(place, method, url, headers)] };
  }
  const target = request.headers["x-amz-target"];
  if (typeof target !== "string") {
    throw new UnmappedOperationError(`${service} ${request.method ?? ""} ${request.url ?? ""}`);
  }
  const body = await buffer(request);
  const input = (body.length === 0 ? {} : JSON.parse(body.toString("utf8"))) as JsonCall["input"];
  const { registryId } = input;
  const permissions = permissionsOfJson(place, { target, input });
  return { caller, service, permissions, body, ...(typeof registryId === "string" && { registryId }) };
}

const HOP_BY_HOP = ["connection", "keep-alive", "transfer-encoding"];

/** What comes back goes through as it comes, so that no object is ever held in memory. */
async function forward(
  options: GateOptions,
  { caller, service, permissions, registryId, body }: Call,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = await ask(
    service === "codebuild" ? options.codebuild() : options.endpoint,
    request,
    registryId,
    body,
    response,
  );
  const status = answer.statusCode ?? 502;
  const [permission] = permissions;
  if (permission?.action === "s3:GetObject" && status === 404) {
    await checkMayKnow(options.iam, caller, permission).catch((error: unknown) => {
      answer.resume();
      throw error;
    });
  }
  const headers: OutgoingHttpHeaders = Object.fromEntries(
    Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.includes(name)),
  );
  if (permission?.action === "ecr:GetAuthorizationToken" && status === 200) {
    const text = withPassword(await buffer(answer), options.iam.registryPassword(caller));
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(text) }).end(text);
    return;
  }
  response.writeHead(status, headers);
  await pipeline(answer, response).catch(() => response.destroy());
}

function ask(
  base: string,
  request: IncomingMessage,
  registryId: string | undefined,
  body: Buffer | undefined,
  response: ServerResponse,
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(base);
  const outgoing = httpRequest({
    hostname,
    port,
    method: request.method,
    path: request.url,
    // The host stays the gate's: what the answer refers to, such as a queue's URL, leads back here.
    // The emulator looks for a repository in the caller's account only, which it takes from this header of its own.
    headers: { ...request.headers, ...(registryId !== undefined && { "x-moto-account-id": registryId }) },
    agent: NO_KEEP_ALIVE,
  });
  response.once("close", () => outgoing.destroy());
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve).once("error", reject);
  });
  if (body === undefined) request.pipe(outgoing);
  else outgoing.end(body);
  return answered;
}

/** A connection that the emulator has closed meanwhile must not fail the next call. */
const NO_KEEP_ALIVE = new Agent({ keepAlive: false });

/**
 * Who may not list a bucket does not learn that an object is missing.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Permissions)
 */
async function checkMayKnow(iam: Iam, principal: RolePrincipal, { resource }: Permission): Promise<void> {
  await iam.authorize({ principal, action: "s3:ListBucket", resource: resource.replace(/\/.*$/s, "") });
}

/** The same answer with a password that tells the registry who logs in. */
function withPassword(answer: Buffer, password: string): string {
  const output = JSON.parse(answer.toString("utf8")) as { authorizationData?: object[] };
  const authorizationToken = Buffer.from(`AWS:${password}`).toString("base64");
  return JSON.stringify({
    ...output,
    authorizationData: output.authorizationData?.map((data) => ({ ...data, authorizationToken })),
  });
}

function refusedBy(error: unknown, service: string): Refused {
  const message = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  if (error instanceof AccessDeniedError) return new Refused(refusal(service, "denied", message), message, options);
  if (error instanceof UnmappedOperationError)
    return new Refused(refusal(service, "unmapped", message), message, options);
  if (error instanceof UndecidedError || error instanceof UnsupportedResourceError)
    return new Refused(refusal(service, "unsupported-policy", message), message, options);
  const failure = `the gate cannot pass a call to ${service} on: ${message}`;
  return new Refused({ status: 502, headers: { "content-type": "text/plain" }, body: failure }, failure, options);
}

function send(response: ServerResponse, { status, headers, body }: Refusal, method: string | undefined): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
  response.end(method === "HEAD" ? undefined : body);
}

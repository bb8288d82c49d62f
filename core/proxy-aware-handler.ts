import type { Agent as HttpAgent } from "node:http";
import type { Agent as HttpsAgent } from "node:https";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { agentFor, CONNECT_TIMEOUT } from "./network";

/** Milliseconds in which a connection to AWS may carry nothing before it counts as lost. */
const IDLE_TIMEOUT = 60_000;

/** The request handler of AWS SDK clients, choosing proxy or direct connection anew for each host. */
export class ProxyAwareHandler extends NodeHttpHandler {
  readonly #handlers = new Map<HttpAgent, NodeHttpHandler>();

  override handle(...[request, options]: Parameters<NodeHttpHandler["handle"]>): ReturnType<NodeHttpHandler["handle"]> {
    const port = request.port === undefined ? "" : `:${request.port}`;
    const agent = agentFor(new URL(`${request.protocol}//${request.hostname}${port}`));
    let handler = this.#handlers.get(agent);
    if (!handler) {
      handler = new NodeHttpHandler({
        httpAgent: agent,
        // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- a proxy's agent serves https: without being one of Node's
        httpsAgent: agent as HttpsAgent,
        connectionTimeout: CONNECT_TIMEOUT,
        socketTimeout: IDLE_TIMEOUT,
      });
      this.#handlers.set(agent, handler);
    }
    return handler.handle(request, options);
  }
}

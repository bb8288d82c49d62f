import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";

/** Milliseconds to wait for a connection. */
export const CONNECT_TIMEOUT = 10_000;
/** Milliseconds in which a connection to AWS may carry nothing before it counts as lost. */
const IDLE_TIMEOUT = 60_000;

const agents = new Map<string, HttpAgent>();

/**
 * The connection pool for an address: through the proxy that HTTPS_PROXY and NO_PROXY name for an `https:` address,
 * otherwise direct. Further certificate authorities come from NODE_EXTRA_CA_CERTS, which Node reads itself
 * (https://nodejs.org/api/cli.html#node_extra_ca_certsfile).
 */
export function agentFor(url: URL): HttpAgent {
  if (url.protocol !== "https:") return pooled("http:", () => new HttpAgent({ keepAlive: true }));
  const proxy = proxyFor(url);
  return pooled(`https: ${proxy}`, () =>
    proxy ? new HttpsProxyAgent(proxy, { keepAlive: true }) : new HttpsAgent({ keepAlive: true }),
  );
}

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

/** A proxy that is named without a scheme is spoken to by plain HTTP, as curl does it; proxy-from-env puts `https:` before it. */
function proxyFor(url: URL): string {
  const proxy = getProxyForUrl(url.href);
  return Object.values(process.env).includes(proxy) ? proxy : proxy.replace(/^https:/, "http:");
}

function pooled(key: string, create: () => HttpAgent): HttpAgent {
  let agent = agents.get(key);
  if (!agent) {
    agent = create();
    agents.set(key, agent);
  }
  return agent;
}

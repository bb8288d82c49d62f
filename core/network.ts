import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { getProxyForUrl } from "proxy-from-env";

/** Milliseconds to wait for a connection. */
export const CONNECT_TIMEOUT = 10_000;

const agents = new Map<string, HttpAgent>();

/**
 * The connection pool for an address: through the proxy that HTTPS_PROXY and NO_PROXY name for an `https:` address,
 * otherwise direct. Further certificate authorities come from NODE_EXTRA_CA_CERTS, which Node reads itself
 * (https://nodejs.org/api/cli.html#node_extra_ca_certsfile).
 */
export function agentFor(url: URL): HttpAgent {
  if (url.protocol !== "https:") return pooled("http:", () => new HttpAgent({ keepAlive: true }));
  const proxy = proxyFor(url);
  return pooled(`https: ${proxy}`, () => (proxy ? proxyAgent(proxy) : new HttpsAgent({ keepAlive: true })));
}

/* eslint-disable @typescript-eslint/no-require-imports -- most programs have no proxy, and are short */
function proxyAgent(proxy: string): HttpAgent {
  const { HttpsProxyAgent } = require("https-proxy-agent") as typeof import("https-proxy-agent");
  return new HttpsProxyAgent(proxy, { keepAlive: true });
}
/* eslint-enable @typescript-eslint/no-require-imports */

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

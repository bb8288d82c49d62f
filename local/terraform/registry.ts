import { get as getPlain } from "node:http";
import { get as getSecure } from "node:https";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";
import { REGISTRY_HOST } from "./mirrors";

const DISCOVERY = discovery(REGISTRY_HOST);

/** Where a registry says what it offers. */
export function discovery(host: string): string {
  return `https://${host}/.well-known/terraform.json`;
}

/**
 * Whether the public provider registry can be reached from here: one request to its service discovery, by way of HTTPS_PROXY
 * where that is set, at most 3 seconds, no retry. https://developer.hashicorp.com/terraform/internals/remote-service-discovery
 */
export async function registryAnswers(url: string = DISCOVERY, patienceMs = 3000): Promise<boolean> {
  const get = url.startsWith("https:") ? getSecure : getPlain;
  const proxy = getProxyForUrl(url);
  const agent = proxy === "" ? {} : { agent: new HttpsProxyAgent(proxy) };
  return await new Promise((resolve) => {
    const fail = (): void => {
      resolve(false);
    };
    get(url, { signal: AbortSignal.timeout(patienceMs), ...agent }, (response) => {
      let body = "";
      response
        .setEncoding("utf8")
        .on("data", (chunk: string) => (body += chunk))
        .on("error", fail)
        // A captive portal answers too, but not with this.
        .on("end", () => {
          resolve(response.statusCode === 200 && body.includes('"providers.v1"'));
        });
    }).on("error", fail);
  });
}

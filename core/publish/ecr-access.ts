import { ECRClient } from "@aws-sdk/client-ecr";
import { ProxyAwareHandler } from "../proxy-aware-handler";
import type { Credentials } from "../registry/credentials";
import { EcrCredentials } from "../registry/ecr-credentials";
import { registryRegion } from "../registry/host";
import { recentTags, type RecentTags } from "../registry/recent-tags";

/** How many of the newest images are asked for their layers. */
const RECENT = 3;

export interface RegistryAccess {
  readonly credentials: Credentials;
  /** The tags of the newest images. */
  readonly recentTags: () => Promise<RecentTags>;
}

/** @param host an ECR registry's */
export function ecrAccess(host: string, repositoryName: string): RegistryAccess {
  const client = new ECRClient({ requestHandler: new ProxyAwareHandler(), region: registryRegion(host) });
  const [registryId = ""] = host.split(".");
  return {
    credentials: new EcrCredentials(client, host),
    recentTags: () => recentTags(client, { registryId, repositoryName, most: RECENT }),
  };
}

/** The host name of one account's private registry in one region. */
export interface RegistryHost {
  readonly kind: "registry";
  readonly host: string;
  readonly account: string;
  readonly region: string;
}

/** The host name that a region's layers are downloaded from: a bucket of the ECR service. */
export interface LayerHost {
  readonly kind: "layers";
  readonly host: string;
  readonly region: string;
}

const DNS_SUFFIX = "amazonaws\\.com(?:\\.cn)?";
const REGION = "[a-z]{2}(?:-[a-z]+)+-[0-9]";
const REGISTRY = new RegExp(`^(?<account>[0-9]{12})\\.dkr\\.ecr\\.(?<region>${REGION})\\.${DNS_SUFFIX}$`);
const LAYERS = new RegExp(
  `^prod-(?<bucketRegion>${REGION})-starport-layer-bucket\\.s3\\.(?<region>${REGION})\\.${DNS_SUFFIX}$`,
);

/**
 * Tells what a host name stands for; undefined for every host that is not ECR's.
 * The layer bucket's name is the one AWS documents for the S3 gateway endpoint:
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
 */
export function parseHost(host: string): RegistryHost | LayerHost | undefined {
  const registry = REGISTRY.exec(host)?.groups;
  if (registry?.account && registry.region) {
    return { kind: "registry", host, account: registry.account, region: registry.region };
  }
  const layers = LAYERS.exec(host)?.groups;
  if (layers?.region && layers.region === layers.bucketRegion) return { kind: "layers", host, region: layers.region };
  return undefined;
}

/** The region's layer host; in China (`cn-*`) hosts end in `.cn`. */
export function layerHost(region: string): string {
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return `prod-${region}-starport-layer-bucket.s3.${region}.${suffix}`;
}

export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(\.[0-9]{1,3}){3}$/.test(hostname);
}

/** `ACCOUNT.dkr.ecr[-fips].REGION.SUFFIX`, and `ACCOUNT.dkr-ecr.REGION.SUFFIX` for IPv6. */
const ECR_HOST = /^[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\./;
const LOOPBACK = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/;

/** The region of a registry's host; undefined if the host is not ECR's. */
export function registryRegion(host: string): string | undefined {
  return ECR_HOST.exec(host)?.[1];
}

/** Where a registry is spoken to: by `http:` on this machine (`localhost`, 127.0.0.0/8, `[::1]`), by `https:` everywhere else. */
export function registryUrl(host: string): URL {
  const url = new URL(`http://${host}`);
  return LOOPBACK.test(url.hostname) ? url : new URL(`https://${host}`);
}

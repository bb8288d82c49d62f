import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** How long a link to a layer lives, in seconds. */
const LINK_SECONDS = 3600;

/** Links to layers in the look of S3's presigned URLs; the key lives as long as the process. */
export interface LinkSigner {
  sign(host: string, path: string): string;
  /** Why the link is refused, in S3's words; undefined for a good one. */
  refusal(host: string, path: string, query: URLSearchParams): string | undefined;
}

export function createLinkSigner(now: () => number = Date.now): LinkSigner {
  const key = randomBytes(32);
  const signature = (host: string, path: string, date: string): string =>
    createHmac("sha256", key).update(`${host}\n${path}\n${date}`).digest("hex");
  return {
    sign: (host, path) => {
      const date = new Date(now()).toISOString().replace(/[-:]|\.[0-9]+/g, "");
      const query = new URLSearchParams({
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Date": date,
        "X-Amz-Expires": String(LINK_SECONDS),
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": signature(host, path, date),
      });
      return `https://${host}${path}?${query.toString()}`;
    },
    refusal: (host, path, query) => {
      const date = query.get("X-Amz-Date") ?? "";
      const given = Buffer.from(query.get("X-Amz-Signature") ?? "", "latin1");
      const right = Buffer.from(signature(host, path, date), "latin1");
      if (given.length !== right.length || !timingSafeEqual(given, right)) return "SignatureDoesNotMatch";
      const signed = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
      return now() > signed + LINK_SECONDS * 1000 ? "Request has expired" : undefined;
    },
  };
}

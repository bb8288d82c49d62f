import { parseDrop, type Drop } from "../drop";
import { InvalidDropError } from "../errors";
import { UsageError } from "./command-line";

/**
 * `s3://BUCKET/KEY`, with `?versionId=ID` for one version of it. Keys stand as they are, but for `?` and `%`, which are written as %3F and %25.
 * @throws UsageError
 */
export function parseObjectUrl(text: string): Drop {
  const { bucket, key, query } =
    /^s3:\/\/(?<bucket>[^/?]+)\/(?<key>[^?]+)(?:\?(?<query>.*))?$/.exec(text)?.groups ?? {};
  const versionId = query === undefined ? undefined : /^versionId=([^&]+)$/.exec(query)?.[1];
  if (bucket === undefined || key === undefined || (query !== undefined && versionId === undefined)) {
    throw new UsageError([
      `SOURCE is ${JSON.stringify(text)}, expected s3://BUCKET/KEY or s3://BUCKET/KEY?versionId=ID`,
    ]);
  }
  try {
    return parseDrop({ bucket, key: decode(text, key), ...(versionId !== undefined && { versionId }) });
  } catch (error) {
    if (!(error instanceof InvalidDropError)) throw error;
    throw new UsageError([`SOURCE is ${JSON.stringify(text)}: ${error.message}`], { cause: error });
  }
}

function decode(text: string, key: string): string {
  try {
    return decodeURIComponent(key);
  } catch (error) {
    throw new UsageError([`SOURCE is ${JSON.stringify(text)}, expected % to be written as %25`], { cause: error });
  }
}

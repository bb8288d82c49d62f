import { parseArgs } from "node:util";
import type { ImageRule } from "../archive/select";
import * as usage from "../usage";
import { readChoice, REPOSITORY, type RawChoice } from "./choice";
import type { PublishChoice } from "./publish";
import { DEFAULT_TAG_PATTERN, HOST, TAG } from "./settings";

export const HELP = `publish-image SOURCE DESTINATION [options]

Publishes an image archive: sends what the registry lacks, verifies all of it, unpacks nothing.

  SOURCE                  a file, - for standard input, or s3://BUCKET/KEY[?versionId=ID]. What docker, podman, skopeo and buildah save:
                          docker-archive or OCI layout, plain, gzip or zstd, as it is or in a zip
  DESTINATION             HOST[:PORT]/REPOSITORY[:TAG]; without TAG, the image is published under the git hash that it bears in the archive.
                          This tag names the image for ever: what holds another one is refused. For others there is --moving-tag

Which image
  --image NAME|DIGEST     of several in the archive; by its name, or the digest of its manifest, index or configuration
  --archive-path PATH     member of the zip that is the archive (default: the only one)
  --platform PLATFORM     such as linux/arm64, or all (default)
  --attestations WORD     keep (default) or drop

What is sent
  --compression WORD      gzip (default), zstd or keep, for layers that are not compressed
  --no-reuse              sends layers though the repository's images have them
  --mount-from REPOSITORY of the same registry, to mount layers from; may be repeated
  --moving-tag TAG        such as latest; set after the image is there, whatever it pointed to; may be repeated
  --dry-run               says what would be done, and writes nothing

Limits
  --max-archive-bytes N   uncompressed
  --max-layer-bytes N     uncompressed
  --max-ratio N           how many times its size compressed data may grow

  --json                  prints the result as one JSON object to standard output; progress goes to standard error
  --help

ECR is entered with the AWS credentials at hand; other registries with REGISTRY_USERNAME and REGISTRY_PASSWORD (or a token in its place),
or without where they are not set. Addresses of this machine (localhost, 127.0.0.1) are spoken to by http.

Exit codes: 0 done, 1 failed (the last line says why; trying again may help), 2 wrong arguments, 3 the archive is refused.
`;

export interface Command {
  readonly source: string;
  readonly host: string;
  readonly repository: string;
  readonly hashTag?: string;
  readonly archivePath?: string;
  readonly rule: ImageRule;
  readonly movingTags: readonly string[];
  readonly choice: PublishChoice;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** The command was called in a way that it does not understand. */
export class UsageError extends usage.UsageError {
  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(`cannot publish so: ${problems.join("; ")}; see publish-image --help`, options);
  }
}

const FLAGS: Readonly<Record<keyof RawChoice, string>> = {
  compression: "--compression",
  reuse: "--no-reuse",
  platform: "--platform",
  attestations: "--attestations",
  mountFrom: "--mount-from",
  maxArchiveBytes: "--max-archive-bytes",
  maxLayerBytes: "--max-layer-bytes",
  maxRatio: "--max-ratio",
};

/**
 * @returns undefined where help is asked for.
 * @throws UsageError that names everything that is wrong at once.
 */
export function readCommandLine(args: readonly string[]): Command | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const problems: string[] = [];
  const [source = "", destination = "", ...more] = positionals;
  if (source === "") problems.push("SOURCE and DESTINATION are missing");
  else if (destination === "") problems.push("DESTINATION is missing");
  if (more.length > 0) problems.push(`${JSON.stringify(more[0])} is one argument too many`);
  const target = readDestination(destination);
  if (destination !== "" && !target)
    problems.push(`DESTINATION is ${JSON.stringify(destination)}, expected HOST[:PORT]/REPOSITORY[:TAG]`);
  const tagPattern = new RegExp(DEFAULT_TAG_PATTERN);
  const movingTags = values["moving-tag"] ?? [];
  for (const tag of movingTags) {
    if (!TAG.test(tag)) problems.push(`--moving-tag is ${JSON.stringify(tag)}, expected a tag`);
    else if (tag === target?.hashTag) problems.push(`--moving-tag is ${tag}, expected another than DESTINATION's`);
    else if (tagPattern.test(tag)) problems.push(`--moving-tag is ${tag}, expected none that is a git hash`);
  }
  const choice = readChoice(
    {
      compression: values.compression,
      reuse: values["no-reuse"] ? "off" : "on",
      platform: values.platform,
      attestations: values.attestations,
      mountFrom: values["mount-from"]?.join(" "),
      maxArchiveBytes: values["max-archive-bytes"],
      maxLayerBytes: values["max-layer-bytes"],
      maxRatio: values["max-ratio"],
    },
    FLAGS,
    problems,
  );
  if (!target || problems.length > 0) throw new UsageError(problems);
  const { image, "archive-path": archivePath } = values;
  return {
    source,
    ...target,
    ...(archivePath !== undefined && { archivePath }),
    rule: { tagPattern, ...(image !== undefined && { image }) },
    movingTags,
    choice,
    dryRun: values["dry-run"] ?? false,
    json: values.json ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        image: { type: "string" },
        "archive-path": { type: "string" },
        platform: { type: "string" },
        attestations: { type: "string" },
        compression: { type: "string" },
        "no-reuse": { type: "boolean" },
        "mount-from": { type: "string", multiple: true },
        "moving-tag": { type: "string", multiple: true },
        "dry-run": { type: "boolean" },
        "max-archive-bytes": { type: "string" },
        "max-layer-bytes": { type: "string" },
        "max-ratio": { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError([usage.problemOf(error as Error)], { cause: error });
  }
}

function readDestination(text: string): Pick<Command, "host" | "repository" | "hashTag"> | undefined {
  const {
    host = "",
    repository = "",
    tag,
  } = /^(?<host>[^/]+)\/(?<repository>[^:]+)(?::(?<tag>.+))?$/.exec(text)?.groups ?? {};
  if (
    !HOST.test(host) ||
    // As docker tells a host from the beginning of a repository's name, which it then takes for Docker Hub's.
    !(/[.:]/.test(host) || host === "localhost") ||
    !URL.canParse(`https://${host}`) ||
    !REPOSITORY.test(repository) ||
    (tag !== undefined && !TAG.test(tag))
  )
    return undefined;
  return { host, repository, ...(tag !== undefined && { hashTag: tag }) };
}

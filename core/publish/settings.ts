import type { ImageRule } from "../archive/select";
import { readUpload, type Upload } from "../upload/upload";
import { readChoice, REPOSITORY, type RawChoice } from "./choice";
import type { PublishChoice } from "./publish";

/** What the build's environment says, checked. */
export interface Settings {
  readonly upload: Upload;
  /** `HOST[:PORT]` of the registry. */
  readonly registry: string;
  readonly repository: string;
  readonly archivePath: string;
  readonly rule: ImageRule;
  readonly movingTags: readonly string[];
  readonly choice: PublishChoice;
}

/** The environment variables of {@link PublishChoice}. */
const CHOICE: Readonly<Record<keyof RawChoice, string>> = {
  compression: "COMPRESSION",
  reuse: "REUSE",
  platform: "PLATFORM",
  attestations: "ATTESTATIONS",
  mountFrom: "MOUNT_FROM",
  maxArchiveBytes: "MAX_ARCHIVE_BYTES",
  maxLayerBytes: "MAX_LAYER_BYTES",
  maxRatio: "MAX_RATIO",
};

type Environment = Readonly<Record<string, string | undefined>>;

/** 7 to 40 hexadecimal digits: a git hash, abbreviated or whole. */
export const DEFAULT_TAG_PATTERN = "^[0-9a-f]{7,40}$";
export const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
export const HOST = /^(?:[A-Za-z0-9.-]+|\[::1\])(?::[0-9]{1,5})?$/;

/** @throws SettingsError that names everything that is missing or wrong at once. */
export function readSettings(environment: Environment): Settings {
  const problems: string[] = [];
  const optional = (name: string): string | undefined => (environment[name] === "" ? undefined : environment[name]);
  const required = (name: string, rule: RegExp, what: string): string => {
    const value = environment[name] ?? "";
    if (value === "") problems.push(`${name} is not set`);
    else if (!rule.test(value)) problems.push(`${name} is ${JSON.stringify(value)}, expected ${what}`);
    return value;
  };
  const service = required("SERVICE_NAME", /./, "the service's name");
  const repository = required("IMAGE_REPO_NAME", REPOSITORY, "an ECR repository's name");
  const registry = required("ECS_SOURCE", HOST, "the registry's host name");
  const upload = readUpload(environment, problems);
  const tagPattern = readPattern(optional("TAG_PATTERN") ?? DEFAULT_TAG_PATTERN, problems);
  const movingTags = (environment.MOVING_TAGS ?? "").split(/\s+/).filter((tag) => tag !== "");
  for (const tag of movingTags) {
    if (!TAG.test(tag)) problems.push(`MOVING_TAGS has ${JSON.stringify(tag)}, expected tags separated by spaces`);
    else if (tagPattern.test(tag))
      problems.push(`MOVING_TAGS has ${tag}, expected no tag that TAG_PATTERN takes for a git hash`);
  }
  const raw = Object.fromEntries(Object.entries(CHOICE).map(([key, name]) => [key, environment[name]]));
  const choice = readChoice(raw, CHOICE, problems);
  const image = optional("SOURCE_IMAGE");
  if (upload === undefined || problems.length > 0) throw new SettingsError(problems);
  return {
    upload,
    registry,
    repository,
    archivePath: optional("ARCHIVE_PATH") ?? `image/${service}`,
    rule: { account: optional("SOURCE_ACCOUNT"), repository, tagPattern, ...(image !== undefined && { image }) },
    movingTags,
    choice,
  };
}

function readPattern(source: string, problems: string[]): RegExp {
  try {
    return new RegExp(source);
  } catch (error) {
    problems.push(
      `TAG_PATTERN is ${JSON.stringify(source)}, expected a regular expression (${(error as Error).message})`,
    );
    return new RegExp(DEFAULT_TAG_PATTERN);
  }
}

/** The build was started with an environment that the publisher cannot work with. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";

  constructor(readonly problems: readonly string[]) {
    super(
      `cannot publish with this environment: found that ${problems.join(" and that ")}, expected the variables that the pipeline's ` +
        "project and trigger set; apply the pipeline's Terraform, or start the build with them as environment overrides",
    );
  }
}

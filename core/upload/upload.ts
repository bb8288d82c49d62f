import { BEGIN_CALL, type Drop, dropFromVariables, UNVERSIONED } from "../drop";
import { InvalidDropError, MissingDropVariableError } from "../errors";

/** The upload that a build was started for, by what its event says of it. */
export type Upload =
  /** It has ended, and its version id or entity tag tells it from every other. */
  | { readonly state: "known"; readonly drop: Drop }
  /** It has ended, in a bucket without versioning, and nothing tells it from a later one. */
  | { readonly state: "ended"; readonly drop: Drop }
  /** It began at `drop.time`. Whether it goes on, has ended or was aborted is to be seen. */
  | { readonly state: "begun"; readonly drop: BegunDrop; readonly wait: Wait };

/** Where the upload goes to, and when it began. */
export type BegunDrop = Drop & { readonly time: string };

/** How long the end of an upload is waited for. */
export interface Wait {
  /** Milliseconds since 1970, from which `longest` counts. Absent: the first look counts. */
  readonly since?: number;
  /** Seconds. */
  readonly longest: number;
  /** Seconds from one look to the next. */
  readonly interval: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Seconds. A build runs for 36 hours at most: https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html */
const MAX_WAIT_TIME = { default: 3600, min: 0, max: 36 * 3600 };
/** Seconds. */
const CHECK_INTERVAL = { default: 15, min: 1, max: 3600 };

const ISO_8601 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads what tells a build of its upload: DROP_BUCKET and DROP_KEY; DROP_VERSION_ID, DROP_ETAG, DROP_SEQUENCER and DROP_TIME where
 * they are known; where CloudTrail reported the upload, DROP_CALL, the API call. With DROP_CALL, also for how long to wait:
 * MAX_WAIT_TIME (seconds, 0 to 129600, default 3600), CHECK_INTERVAL (seconds, 1 to 3600, default 15) and BUILD_START_TIME
 * (ISO 8601: from when MAX_WAIT_TIME counts; default CODEBUILD_START_TIME, milliseconds, which CodeBuild sets).
 * Empty variables count as absent.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
 * @param problems takes a clause for everything that is missing or wrong: "DROP_KEY is not set".
 * @returns undefined where something is.
 */
export function readUpload(environment: Environment, problems: string[]): Upload | undefined {
  const found: string[] = [];
  const upload = read(environment, found);
  problems.push(...found);
  return found.length === 0 ? upload : undefined;
}

function read(environment: Environment, problems: string[]): Upload | undefined {
  const { DROP_CALL: call, ...others } = environment;
  const drop = readDrop(call === BEGIN_CALL ? others : environment, problems);
  const wait = call ? readWait(environment, problems) : undefined;
  if (isNamed(environment)) return drop && { state: "known", drop };
  if (!call) {
    // Whatever is there would be published.
    problems.push("neither DROP_VERSION_ID nor DROP_ETAG is set");
    return undefined;
  }
  if (call !== BEGIN_CALL) return drop && { state: "ended", drop };
  if (!environment.DROP_TIME) problems.push(`DROP_TIME is not set, expected the time of the call ${BEGIN_CALL}`);
  if (drop?.time === undefined || wait === undefined) return undefined;
  return { state: "begun", drop: { ...drop, time: drop.time }, wait };
}

function readDrop(environment: Environment, problems: string[]): Drop | undefined {
  try {
    return dropFromVariables(environment);
  } catch (error) {
    if (error instanceof MissingDropVariableError)
      problems.push(...error.variables.map((name) => `${name} is not set`));
    else if (error instanceof InvalidDropError) problems.push(error.message);
    else throw error;
    return undefined;
  }
}

function isNamed({ DROP_VERSION_ID: versionId, DROP_ETAG: etag }: Environment): boolean {
  return Boolean(etag) || Boolean(versionId && versionId !== UNVERSIONED);
}

function readWait(environment: Environment, problems: string[]): Wait {
  const since = readStart(environment, problems);
  return {
    ...(since !== undefined && { since }),
    longest: readSeconds(environment, "MAX_WAIT_TIME", MAX_WAIT_TIME, problems),
    interval: readSeconds(environment, "CHECK_INTERVAL", CHECK_INTERVAL, problems),
  };
}

function readSeconds(
  environment: Environment,
  name: string,
  limits: { readonly default: number; readonly min: number; readonly max: number },
  problems: string[],
): number {
  const text = environment[name];
  if (!text) return limits.default;
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (seconds < limits.min || seconds > limits.max) {
    problems.push(`${name} is ${JSON.stringify(text)}, expected ${limits.min} to ${limits.max} whole seconds`);
  }
  return seconds;
}

function readStart(environment: Environment, problems: string[]): number | undefined {
  const { BUILD_START_TIME: chosen, CODEBUILD_START_TIME: started } = environment;
  if (chosen) {
    const start = ISO_8601.test(chosen) ? Date.parse(chosen) : NaN;
    if (!Number.isNaN(start)) return start;
    problems.push(`BUILD_START_TIME is ${JSON.stringify(chosen)}, expected a time like 2026-01-31T12:00:00Z`);
    return undefined;
  }
  if (!started) return undefined;
  if (/^\d{1,15}$/.test(started)) return Number(started);
  problems.push(`CODEBUILD_START_TIME is ${JSON.stringify(started)}, expected milliseconds since 1970`);
  return undefined;
}

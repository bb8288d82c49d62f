/**
 * The names of everything a pipeline creates in AWS: `<pipeline>_<thing>`.
 *
 * A pipeline's name holds no underscore, so the first one ends it, and no name of pipeline `a` begins like one of
 * pipeline `a-b`. A service's role ends in `_build` after the service, so no service can take the name of a role of the pipeline itself.
 */
interface Names {
  /** The start-build function. */
  readonly function: string;
  readonly functionLogGroup: string;
  /** The role that starts builds: the function's, or the one that the rules of a direct trigger take. */
  readonly startBuildRole: string;
  /** The queue that S3 reports finished uploads to. */
  readonly queue: string;
  readonly deadLetterQueue: string;
  /** The topic that S3 reports finished uploads to. */
  readonly topic: string;
  /** The EventBridge rule that leads to the queue. */
  readonly rule: string;
  /** The EventBridge rule that starts the builds of one service without a function. */
  readonly serviceRule: (service: string) => string;
  readonly trail: string;
  /** Where the trail writes; the account and the region may be Terraform tokens. */
  readonly trailBucket: (accountId: string, region: string) => string;
  /** One log group for all builds of the pipeline. */
  readonly buildLogGroup: string;
  /** The one role of all builds with `roles: shared`. */
  readonly sharedBuildRole: string;
  readonly buildProject: (service: string) => string;
  /** The role of one service's builds with `roles: own`. */
  readonly buildRole: (service: string) => string;
  /** Bucket names are global, so the account and the region are part of it; both may be Terraform tokens. */
  readonly toolsBucket: (accountId: string, region: string) => string;
}

export function names(pipeline: string): Names {
  const startBuild = `${pipeline}_start-build`;
  return {
    function: startBuild,
    startBuildRole: startBuild,
    functionLogGroup: `/aws/lambda/${startBuild}`,
    queue: `${pipeline}_drops`,
    deadLetterQueue: `${pipeline}_dead-letters`,
    topic: `${pipeline}_drops`,
    rule: `${pipeline}_drops`,
    serviceRule: (service) => `${pipeline}_${service}`,
    trail: `${pipeline}_drops`,
    trailBucket: (accountId, region) => `${pipeline}-trail-${accountId}-${region}`,
    buildLogGroup: `/aws/codebuild/${pipeline}_builds`,
    sharedBuildRole: `${pipeline}_build`,
    buildProject: (service) => `${pipeline}_${service}`,
    buildRole: (service) => `${pipeline}_${service}_build`,
    toolsBucket: (accountId, region) => `${pipeline}-tools-${accountId}-${region}`,
  };
}

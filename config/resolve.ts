import { isAbsolute, join } from "node:path";
import type * as z from "zod";
import { resolveBackend } from "./backend";
import { isLambdaCompute, resolveCompute } from "./compute";
import { resolveRepository, resolveTools } from "./existing";
import { SERVICE } from "./fields";
import * as limits from "./limits";
import { defaultNotifications, othersFile } from "./notifications";
import { resolveProvider } from "./provider";
import { resolveRoles } from "./roles";
import type { BucketConfig, LogsConfig, PipelineConfig, pipelineSchema, ServiceConfig } from "./schema";
import { resolveStream } from "./stream";
import { resolveTrigger } from "./trigger";
import { resolveVpc } from "./vpc";

/** A pipeline that the schema accepts, as it was written. */
export type Parsed = z.output<typeof pipelineSchema>;

/** A pipeline whose services stand as they were written, so that what is found wrong can be located. */
export interface Draft {
  readonly config: PipelineConfig;
  /** The same services in the same order, with what comes from defaults still there. */
  readonly written: Parsed;
  /** For each service its place in the input. */
  readonly places: readonly number[];
}

/**
 * Fills in the defaults that depend on other values.
 * @param folder where paths of files begin; empty for the current one.
 */
export function resolve(parsed: Parsed, folder: string): PipelineConfig {
  const { scanOnPush, untaggedExpireAfterDays, keep, pullAccounts } = parsed.repositories;
  const bucket = resolveBucket(parsed, folder);
  return {
    name: parsed.name,
    region: parsed.region,
    bucket,
    trigger: resolveTrigger(parsed.trigger ?? defaultTrigger(bucket)),
    publisher: parsed.publisher,
    packaging: parsed.packaging ?? (parsed.backend.cloud ? "prebuilt" : "archive"),
    roles: resolveRoles(parsed.roles),
    backend: resolveBackend(parsed),
    providerVersion: parsed.providerVersion,
    protect: parsed.protect,
    outputs: parsed.outputs,
    repositories: { scanOnPush, untaggedExpireAfterDays, ...(keep !== undefined && { keep }), pullAccounts },
    logs: resolveLogs(parsed.logs),
    tools: resolveTools(parsed.tools),
    ...(parsed.vpc && { vpc: resolveVpc(parsed.vpc) }),
    encryption: parsed.encryption.kmsKey === undefined ? {} : { kmsKey: parsed.encryption.kmsKey },
    provider: resolveProvider(parsed.provider),
    tags: parsed.tags,
    services: parsed.services.map((service) => resolveService(service, parsed, folder)),
    retired: parsed.retired.toSorted(),
  };
}

function resolveBucket({ name: pipeline, bucket }: Parsed, folder: string): BucketConfig {
  const {
    name,
    existing,
    account,
    kmsKey,
    notifications = defaultNotifications(existing !== undefined),
    versionsExpireAfterDays = 30,
    uploadsExpireAfterDays = 7,
  } = typeof bucket === "string" ? ({ name: bucket } as Exclude<Parsed["bucket"], string>) : bucket;
  return {
    name: existing ?? name ?? "",
    existing: existing !== undefined,
    ...(account !== undefined && { account }),
    ...(kmsKey !== undefined && { kmsKey }),
    notifications,
    ...((notifications === "adopt" || notifications === "leaving") && {
      othersFile: pathOf(othersFile(pipeline), folder),
    }),
    versionsExpireAfterDays,
    uploadsExpireAfterDays,
  };
}

function resolveLogs({ retentionDays, builds, function: startBuild }: Parsed["logs"]): LogsConfig {
  return {
    retentionDays,
    ...(builds && { builds: builds.existing }),
    ...(startBuild && { function: startBuild.existing }),
  };
}

/** The owner of a bucket switches EventBridge on once, for everyone; what the pipeline may configure itself reports to the queue. */
function defaultTrigger({ existing, notifications }: BucketConfig) {
  return existing && notifications === "none" ? "eventbridge" : "queue";
}

function resolveService(
  written: Parsed["services"][number],
  { defaults, repositories }: Parsed,
  folder: string,
): ServiceConfig {
  const service = typeof written === "string" ? { name: written } : written;
  const { name } = service;
  const sourceAccount = service.sourceAccount ?? defaults.sourceAccount;
  const target = resolveRepository(name, service.repository, defaults.repository, repositories.prefix);
  return {
    name,
    key: (service.key ?? defaults.key ?? `${SERVICE}.zip`).replaceAll(SERVICE, name),
    archive: service.archive ?? `image/${name}`,
    ...target,
    ...(sourceAccount !== undefined && { sourceAccount }),
    tag: service.tag ?? defaults.tag,
    movingTags: service.movingTags ?? defaults.movingTags,
    ...resolveMachine(service, defaults),
    stream: resolveStream(service, defaults, target.repository),
    environment: { ...defaults.environment, ...service.environment },
    ...resolveCommands(service, defaults, folder),
  };
}

/** On Lambda compute the times are not the configuration's. */
function resolveMachine(
  own: Pick<Service, "compute" | "buildTimeout" | "queuedTimeout">,
  defaults: Parsed["defaults"],
) {
  const compute = resolveCompute(own.compute, defaults.compute);
  if (isLambdaCompute(compute)) return { compute, buildTimeout: limits.LAMBDA_TIMEOUT_MINUTES };
  return {
    compute,
    buildTimeout: own.buildTimeout ?? defaults.buildTimeout ?? 30,
    queuedTimeout: own.queuedTimeout ?? defaults.queuedTimeout ?? 480,
  };
}

type Service = Exclude<Parsed["services"][number], string>;
type Commands = Pick<Parsed["defaults"], "before" | "after" | "buildspec">;

/** A file and commands exclude each other, so a service that gives the one drops the other of defaults. */
function resolveCommands(own: Commands, defaults: Commands, folder: string) {
  const hasCommands = own.before !== undefined || own.after !== undefined;
  const buildspec = own.buildspec ?? (hasCommands ? undefined : defaults.buildspec);
  if (buildspec !== undefined) return { before: [], after: [], buildspec: pathOf(buildspec, folder) };
  return { before: own.before ?? defaults.before ?? [], after: own.after ?? defaults.after ?? [] };
}

/** The path of a file as fs takes it. */
export function pathOf(written: string, folder: string): string {
  return isAbsolute(written) ? written : join(folder, written);
}

import type { Finding } from "./findings";
import { placeOfArn, resourceOfArn } from "./identifiers";
import * as limits from "./limits";
import { names } from "./names";
import { arnPartition } from "./partition";
import type { Draft } from "./resolve";
import type { RolesConfig } from "./roles";
import type { PipelineConfig } from "./schema";
import { isDirect } from "./trigger";

/** What is taken as it is, and cannot be taken so here. */
export function checkExisting({ config, written }: Draft): Finding[] {
  return [
    ...checkArns(config),
    ...checkState(config),
    ...checkRoles(config),
    ...checkBucket(config),
    ...checkTools(config),
    ...checkRepositories(config),
    ...checkLogs(config, written.logs),
  ];
}

/** A resource of another partition or region is out of reach, whatever policies say. */
function checkArns(config: PipelineConfig): Finding[] {
  const wanted = arnPartition(config.region);
  return arnsOf(config).flatMap(({ path, arn, regional, own }) => {
    const { partition, region, account } = placeOfArn(arn);
    const { allowedAccountIds } = config.provider;
    if (partition !== wanted)
      return [{ path, rule: `must be of the partition of ${config.region}, ${wanted}`, value: arn }];
    if (regional && region !== config.region) {
      return [{ path, rule: `must be of the pipeline's region, ${config.region}`, value: arn }];
    }
    if (own && allowedAccountIds.length > 0 && !allowedAccountIds.includes(account)) {
      const rule = `must be of the account that the pipeline is in; provider.allowedAccountIds has ${allowedAccountIds.join(", ")}`;
      return [{ path, rule, value: arn }];
    }
    return [];
  });
}

/** Credentials of one partition are none in another. */
function checkState({ backend, region }: PipelineConfig): Finding[] {
  if (backend.kind !== "s3" || backend.profile !== undefined) return [];
  const wanted = arnPartition(region);
  if (arnPartition(backend.region) === wanted) return [];
  const rule = `must be of the partition of ${region}, ${wanted}, whose credentials are none elsewhere; name a profile for a state that lies there`;
  return [{ path: ["backend", "s3", "region"], rule, value: backend.region }];
}

interface WrittenArn {
  readonly path: Finding["path"];
  readonly arn: string;
  /** Of a region. */
  readonly regional: boolean;
  /** Of no other account than the pipeline's. */
  readonly own: boolean;
}

function arnsOf({ backend, bucket, tools, encryption, roles, provider }: PipelineConfig): WrittenArn[] {
  const builds = typeof roles.builds === "string" ? undefined : roles.builds.existing;
  const key = { regional: true, own: false };
  const role = { regional: false, own: true };
  const anywhere = { regional: false, own: false };
  const all: readonly (readonly [arn: string | undefined, kind: typeof key, ...path: string[]])[] = [
    [bucket.kmsKey, key, "bucket", "kmsKey"],
    [tools.kmsKey, key, "tools", "bucket", "kmsKey"],
    [encryption.kmsKey, key, "encryption", "kmsKey"],
    [builds, role, "roles", "builds", "existing"],
    [roles.function, role, "roles", "function", "existing"],
    // AWS's own policies are of no account.
    [roles.permissionBoundary, anywhere, "roles", "permissionBoundary"],
    ...(backend.kind === "s3" && backend.profile === undefined
      ? ([
          [backend.kmsKey, anywhere, "backend", "s3", "kmsKey"],
          [backend.assumeRole, anywhere, "backend", "s3", "assumeRole"],
        ] as const)
      : []),
    [provider.assumeRole?.roleArn, role, "provider", "assumeRole", "roleArn"],
  ];
  return all.flatMap(([arn, kind, ...path]) => (arn === undefined ? [] : [{ path, arn, ...kind }]));
}

function checkRoles({ name, roles, services }: PipelineConfig): Finding[] {
  const { builds, namePrefix, path, permissionBoundary } = roles;
  if (typeof builds !== "string" && roles.function !== undefined) {
    const made = { path, permissionBoundary, namePrefix: namePrefix === "" ? undefined : namePrefix };
    return Object.entries(made).flatMap(([option, value]) => {
      const rule = "must not be given where both roles exist: it is for roles that the pipeline makes";
      return value === undefined ? [] : [{ path: ["roles", option], rule, value }];
    });
  }
  if (namePrefix === "") return [];
  const longest = roleNames(name, roles, services).reduce((a, b) => (b.length > a.length ? b : a), "");
  const room = limits.ROLE_NAME_LENGTH.max - longest.length;
  if (namePrefix.length <= room) return [];
  const rule = `must be at most ${Math.max(room, 0)} characters here, so that the role <namePrefix>${longest} has at most ${limits.ROLE_NAME_LENGTH.max}`;
  return [{ path: ["roles", "namePrefix"], rule, value: namePrefix }];
}

/** Names of the roles that a pipeline makes, without their prefix. */
function roleNames(pipeline: string, roles: RolesConfig, services: PipelineConfig["services"]): string[] {
  const derived = names(pipeline);
  return [
    ...(roles.function === undefined ? [derived.startBuildRole] : []),
    ...(roles.builds === "own" ? services.map(({ name }) => derived.buildRole(name)) : []),
    ...(roles.builds === "shared" ? [derived.sharedBuildRole] : []),
  ];
}

export function countRoles({ roles, services }: PipelineConfig): number {
  return roleNames("", roles, services).length;
}

function checkBucket({ bucket, trigger }: PipelineConfig): Finding[] {
  if (bucket.account === undefined || trigger.kind !== "cloudtrail") return [];
  const rule =
    "must not be another account's with trigger cloudtrail, whose events come to the bus of the bucket's account: take queue, topic or eventbridge";
  return [{ path: ["bucket", "account"], rule, value: bucket.account }];
}

function checkTools({ bucket, tools }: PipelineConfig): Finding[] {
  if (tools.existing !== bucket.name) return [];
  const rule = "must not be the bucket of the drops: whoever may write there could replace what builds run";
  return [{ path: ["tools", "bucket", "existing"], rule, value: tools.existing }];
}

function checkRepositories({ repositories, services }: PipelineConfig): Finding[] {
  if (repositories.pullAccounts.length === 0 || services.some(({ existingRepository }) => !existingRepository))
    return [];
  const rule = "must not be given where every repository exists: who may pull there is its owner's to say";
  return [{ path: ["repositories", "pullAccounts"], rule }];
}

function checkLogs({ trigger }: PipelineConfig, { function: written }: Draft["written"]["logs"]): Finding[] {
  if (written === undefined || !isDirect(trigger)) return [];
  const rule = `must not be given with a trigger that has no function, such as ${trigger.kind} here: remove it`;
  return [{ path: ["logs", "function"], rule }];
}

/** What others must attach before it works; the outputs hold the JSON. */
export function warnExisting(config: PipelineConfig): Finding[] {
  const { bucket, roles, encryption, tools, trigger, services } = config;
  const found: Finding[] = [];
  const warn = (path: Finding["path"], rule: string) => found.push({ path, rule });
  if (bucket.account !== undefined) {
    warn(
      ["bucket", "account"],
      "is another account: its bucket policy must let builds read, see the output for_others",
    );
  }
  const key = (path: string[], arn: string | undefined) => {
    if (arn !== undefined)
      warn(
        path,
        `is taken as it is: the policy of ${resourceOfArn(arn)} must let the pipeline use it, see the output for_others`,
      );
  };
  key(["encryption", "kmsKey"], encryption.kmsKey);
  if (bucket.account !== undefined) key(["bucket", "kmsKey"], bucket.kmsKey);
  const role = (path: string[]) => {
    warn(path, "is taken as it is: what it must be allowed, and whom it must trust, is in the output for_others");
  };
  if (typeof roles.builds !== "string") role(["roles", "builds", "existing"]);
  if (roles.function !== undefined) role(["roles", "function", "existing"]);
  if (services.some(({ registryAccount }) => registryAccount !== undefined)) {
    const rule = "has repositories of another account: their policies must let builds push, see the output for_others";
    warn(["services"], rule);
  }
  if (tools.existing !== undefined) {
    warn(["tools", "bucket", "existing"], "is taken as it is: it must keep versions, or the apply stops");
  }
  if (trigger.kind === "eventbridge" && (trigger.bus !== undefined || bucket.account !== undefined)) {
    const rule =
      "gets no events of S3 by itself: a rule on the default bus of the bucket's account must forward them, see the output for_others";
    warn(trigger.bus === undefined ? ["trigger"] : ["trigger", "eventbridge", "bus"], rule);
  }
  return found;
}

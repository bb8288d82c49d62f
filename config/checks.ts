import { stateOf } from "./backend";
import { checkCompute, warnCompute } from "./check-compute";
import { checkExisting, countRoles, warnExisting } from "./check-existing";
import { checkKeys } from "./check-keys";
import { checkNotifications } from "./check-notifications";
import { checkOutputs } from "./check-outputs";
import { checkPolicies, warnPolicies } from "./check-policies";
import { checkRetired } from "./check-retired";
import { checkStream } from "./check-stream";
import { checkTrigger, countRules, makesTrail, warnTrigger } from "./check-trigger";
import { checkVpc } from "./check-vpc";
import { bucketName, repositoryName } from "./fields";
import { brokenRule, type Finding } from "./findings";
import * as limits from "./limits";
import { names } from "./names";
import { partition } from "./partition";
import { ownAccount } from "./provider";
import { checkExclusions } from "./provider-version";
import type { Draft } from "./resolve";
import type { PipelineConfig, ServiceConfig } from "./schema";
import { isDirect } from "./trigger";

/** What the schema cannot see because it takes several values of the pipeline. */
export function checkPipeline(draft: Draft): Finding[] {
  const { config, places } = draft;
  const unique = {
    name: new Map<string, string>(),
    key: new Map<string, string>(),
    repository: new Map<string, string>(),
  };
  const found = [
    ...checkNames(config),
    ...checkTrigger(config),
    ...checkNotifications(config),
    ...checkRetired(config, draft.written.retired),
    ...checkKeys(draft),
    ...checkCompute(draft),
    ...checkStream(draft),
    ...checkExisting(draft),
    ...checkVpc(draft),
    ...checkOutputs(config),
    ...checkPolicies(draft),
    ...checkExclusions(draft),
  ];
  if (config.backend.kind === "s3" && !config.bucket.existing && config.backend.bucket === config.bucket.name) {
    found.push({
      path: ["backend", "s3", "bucket"],
      rule: "must not be the bucket that the pipeline creates",
      value: config.bucket.name,
    });
  }
  const isNameTooLong = pipelineNameTooLong(config) !== undefined;
  config.services.forEach((service, index) => {
    const place = places[index] ?? index;
    const findings = [
      // What a pipeline's name leaves is told once that name fits.
      ...(isNameTooLong ? [] : checkServiceNames(service, config)),
      ...checkMovingTags(service),
      ...checkRepository(service),
    ];
    for (const option of ["name", "key", "repository"] as const) {
      const identity = option === "repository" ? repositoryOf(service, config) : service[option];
      const owner = unique[option].get(identity);
      unique[option].set(identity, owner ?? `services[${place}]`);
      if (owner === undefined) continue;
      findings.push({ path: [option], rule: `must not be the ${option} of ${owner} too`, value: service[option] });
      // Key and repository usually follow from the name.
      if (option === "name") break;
    }
    found.push(...findings.map((finding) => ({ ...finding, path: ["services", place, ...finding.path] })));
  });
  return found;
}

/** What the pipelines of one file must not share; the later one is blamed. */
export function checkTogether(drafts: readonly Draft[]): ReadonlyMap<Draft, readonly Finding[]> {
  const owners = new Map<string, PipelineConfig>();
  const creators = new Map<string, PipelineConfig>();
  const trails = new Map<string, number>();
  const parameters: PipelineConfig[] = [];
  for (const { config } of drafts) if (!config.bucket.existing) creators.set(config.bucket.name, config);
  return new Map(
    drafts.map((draft) => {
      const { config, places } = draft;
      const { name, region, bucket, backend, services } = config;
      const found: Finding[] = [];
      const claim = (thing: string, scope: string | readonly string[], value: string, path: Finding["path"]) => {
        const identities = [scope].flat().map((each) => `${thing} ${each} ${value}`);
        const owner = identities.map((identity) => owners.get(identity)).find((each) => each !== undefined);
        for (const identity of identities) if (!owners.has(identity)) owners.set(identity, config);
        if (owner !== undefined && owner !== config)
          found.push({ path, rule: `must not be the ${thing} of pipeline ${owner.name} too`, value });
      };
      // The name is the stack's in cdktf.out, and that of roles, which all regions of an account share.
      claim("name", "", name, ["name"]);
      // All accounts of one file are taken for one: which account another pipeline is in is Terraform's to find out.
      const { roles, tools } = config;
      if (found.length === 0 && countRoles(config) > 0) {
        claim("beginning of role names", partition(region), `${roles.namePrefix}${name}_`, ["roles", "namePrefix"]);
      }
      // Bucket names are global within a partition.
      claim("bucket", partition(region), bucket.name, ["bucket"]);
      claim("state", backend.kind, stateOf(backend), ["backend"]);
      if (tools.existing !== undefined) {
        claim("prefix", `s3://${tools.existing}`, tools.prefix, ["tools", "prefix"]);
      }
      if (config.outputs.ssm) {
        claim("parameter prefix", region, config.outputs.ssm.prefix, ["outputs", "ssm", "prefix"]);
        found.push(...checkParameters(config, parameters));
        parameters.push(config);
      }
      services.forEach(({ repository, registryAccount }, index) => {
        // Where none is said, the account of the file; and that which another pipeline may say, where it is known.
        const accounts = registryAccount === undefined ? ["", ownAccount(config.provider) ?? ""] : [registryAccount];
        const scopes = accounts.map((account) => `${region} ${account}`);
        claim("repository", scopes, repository, ["services", places[index] ?? index, "repository"]);
      });
      if (makesTrail(config.trigger)) {
        const before = trails.get(region) ?? 0;
        trails.set(region, before + 1);
        if (before === limits.TRAILS.max) {
          const rule = `must not be the trail number ${before + 1} of ${region}, AWS allows ${limits.TRAILS.max}: let one trail record several buckets`;
          found.push({ path: ["trigger", "cloudtrail", "trail"], rule });
        }
      }
      const creator = backend.kind === "s3" ? creators.get(backend.bucket) : undefined;
      if (creator && creator !== config && backend.kind === "s3") {
        const rule = `must not be the bucket that pipeline ${creator.name} creates`;
        found.push({ path: ["backend", "s3", "bucket"], rule, value: backend.bucket });
      }
      return [draft, found];
    }),
  );
}

/** The names of services and those of other outputs follow the same prefix where one lies among the repositories of the other. */
function checkParameters({ region, outputs }: PipelineConfig, earlier: readonly PipelineConfig[]): Finding[] {
  const prefix = outputs.ssm?.prefix ?? "";
  const isWithin = (inner: string, outer: string) => `${inner}/`.startsWith(`${outer}/repository/`);
  return earlier.flatMap((other) => {
    const others = other.outputs.ssm?.prefix ?? "";
    if (other.region !== region) return [];
    const path = ["outputs", "ssm", "prefix"];
    if (isWithin(prefix, others)) {
      const rule = `must not lie where pipeline ${other.name} names its repositories, ${others}/repository: take another prefix`;
      return [{ path, rule, value: prefix }];
    }
    if (!isWithin(others, prefix)) return [];
    const rule = `must not name repositories where pipeline ${other.name} has its parameters, ${others}: take another prefix`;
    return [{ path, rule, value: prefix }];
  });
}

/** What only the account can tell, but what will probably not go as expected. */
export function warnPipeline(config: PipelineConfig): Finding[] {
  const found = [...warnTrigger(config), ...warnExisting(config), ...warnPolicies(config), ...warnCompute(config)];
  if (config.backend.kind === "cloud" && config.packaging === "archive") {
    const rule =
      "archive has Terraform zip the programs when it plans, and HCP Terraform may apply on another machine: use prebuilt";
    found.push({ path: ["packaging"], rule });
  }
  return found;
}

/** Default quotas of AWS that the pipelines of one file pass together. */
export function warnQuotas(pipelines: readonly PipelineConfig[]): string[] {
  const warnings: string[] = [];
  const roles = sum(pipelines.map(countRoles));
  if (roles > limits.QUOTAS.roles) {
    warnings.push(
      `${roles} roles pass IAM's default quota of ${limits.QUOTAS.roles} an account: have it raised, or set roles: shared`,
    );
  }
  for (const region of new Set(pipelines.map((pipeline) => pipeline.region))) {
    const there = pipelines.filter((pipeline) => pipeline.region === region);
    const projects = sum(there.map(({ services }) => services.length));
    if (projects > limits.QUOTAS.buildProjects) {
      warnings.push(
        `${projects} build projects in ${region} pass CodeBuild's default quota of ${limits.QUOTAS.buildProjects}: have it raised`,
      );
    }
    const rules = sum(there.map(countRules));
    if (rules > limits.QUOTAS.rules) {
      warnings.push(
        `${rules} rules in ${region} pass EventBridge's default quota of ${limits.QUOTAS.rules} a bus: have it raised, or take a trigger with a function`,
      );
    }
  }
  return warnings;
}

/** A name that AWS gets, what it names, and how long it may be. */
interface DerivedName {
  readonly what: string;
  readonly name: string;
  readonly max: number;
}

const ANY_ACCOUNT = "0".repeat(12);

function checkNames(config: PipelineConfig): Finding[] {
  const { name, region } = config;
  const tooLong = pipelineNameTooLong(config);
  if (tooLong) return [{ ...tooLong, path: ["name"] }];
  const broken = brokenRule(bucketName, names(name).toolsBucket(ANY_ACCOUNT, region));
  return broken === undefined
    ? []
    : [{ path: ["name"], rule: `begins the name of the tools bucket, which ${broken}`, value: name }];
}

function pipelineNameTooLong({ name, region }: PipelineConfig): Omit<Finding, "path"> | undefined {
  const derived = names(name);
  return checkLength(name, [
    { what: "tools bucket", name: derived.toolsBucket(ANY_ACCOUNT, region), max: limits.BUCKET_NAME_LENGTH.max },
    { what: "function", name: derived.function, max: limits.FUNCTION_NAME_LENGTH.max },
    { what: "function's role", name: derived.startBuildRole, max: limits.ROLE_NAME_LENGTH.max },
    { what: "builds' role", name: derived.sharedBuildRole, max: limits.ROLE_NAME_LENGTH.max },
    { what: "queue", name: derived.queue, max: limits.QUEUE_NAME_LENGTH.max },
    { what: "dead letter queue", name: derived.deadLetterQueue, max: limits.QUEUE_NAME_LENGTH.max },
  ]);
}

function checkServiceNames({ name }: ServiceConfig, pipeline: PipelineConfig): Finding[] {
  const derived = names(pipeline.name);
  const project = {
    what: "build project",
    name: derived.buildProject(name),
    max: limits.BUILD_PROJECT_NAME_LENGTH.max,
  };
  const role = { what: "role", name: derived.buildRole(name), max: limits.ROLE_NAME_LENGTH.max };
  const rule = { what: "rule", name: derived.serviceRule(name), max: limits.RULE_NAME_LENGTH.max };
  const tooLong = checkLength(name, [
    project,
    ...(pipeline.roles.builds === "own" ? [role] : []),
    ...(isDirect(pipeline.trigger) ? [rule] : []),
  ]);
  if (tooLong) return [{ ...tooLong, path: ["name"] }];
  // A change of the trigger makes the one rule before it deletes the other, and by their name they are one.
  if (!isDirect(pipeline.trigger) || rule.name !== derived.rule) return [];
  const taken = `must not be ${name} with a trigger that has a rule for each service: ${rule.name} is the pipeline's own rule with trigger eventbridge, and a change of the trigger would delete both; take another name`;
  return [{ path: ["name"], rule: taken, value: name }];
}

/** The bound that the tightest of the derived names leaves for the name that it holds. */
function checkLength(name: string, derived: readonly DerivedName[]): Omit<Finding, "path"> | undefined {
  const [worst] = derived.toSorted((a, b) => b.name.length - b.max - (a.name.length - a.max));
  if (worst === undefined || worst.name.length <= worst.max) return undefined;
  const allowed = name.length - (worst.name.length - worst.max);
  const rule = `must be at most ${allowed} characters here, so that the name of its ${worst.what} (${worst.name.replace(name, "<name>")}) is at most ${worst.max}`;
  return { rule, value: name };
}

/** Whoever sees such a tag could not tell whether it moves. */
function checkMovingTags({ tag, movingTags }: ServiceConfig): Finding[] {
  const rule = new RegExp(tag);
  return movingTags.flatMap((moving, index) =>
    rule.test(moving)
      ? [
          {
            path: ["movingTags", index],
            rule: `must not match the rule for the image's own tag, ${tag}`,
            value: moving,
          },
        ]
      : [],
  );
}

/** A repository that is made of prefix and name was seen by no schema yet. */
function checkRepository({ repository }: ServiceConfig): Finding[] {
  const broken = brokenRule(repositoryName, repository);
  return broken === undefined ? [] : [{ path: ["repository"], rule: broken, value: repository }];
}

/** The pipeline's own account is the same whether a service says it or not. */
function repositoryOf({ registryAccount = "", repository }: ServiceConfig, { provider }: PipelineConfig): string {
  return `${registryAccount === ownAccount(provider) ? "" : registryAccount}/${repository}`;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

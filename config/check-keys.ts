import { ANYTHING, commonKey, isPattern, overlap } from "../core/key-pattern";
import { servicePattern } from "./event-pattern";
import { dropKey } from "./fields";
import { brokenRule, type Finding } from "./findings";
import * as limits from "./limits";
import { beyondPolicies } from "./policies/characters";
import type { Draft } from "./resolve";
import type { PipelineConfig, ServiceConfig } from "./schema";
import { isDirect } from "./trigger";

/** What is wrong with keys once their placeholders are filled in; equal keys are found with equal names. */
export function checkKeys(draft: Draft): Finding[] {
  const each = [...checkResolved(draft), ...checkCharacters(draft)];
  if (!draft.config.services.some(({ key }) => isPattern(key))) return each;
  return [...each, ...(isDirect(draft.config.trigger) ? refusePatterns(draft) : findAmbiguity(draft))];
}

/** What S3 takes, and who wrote it probably did not mean. */
export function warnKeys({ written, places }: Draft): Finding[] {
  const rule = `holds a *, which stands for itself in a key: write ${ANYTHING} for one or more characters`;
  const warn = (path: Finding["path"], key: string | undefined) =>
    key?.includes("*") === true ? [{ path, rule, value: key }] : [];
  return [
    ...warn(["defaults", "key"], written.defaults.key),
    ...written.services.flatMap((service, index) => warn(pathOf(places[index]), keyOf(service))),
  ];
}

/** Digits alone are an account's, unless somebody has such a name on Docker Hub. */
export function warnAccounts({ written, places }: Draft): Finding[] {
  const rule = "looks like an account id and has not its 12 digits: no reference of ECR begins so";
  const warn = (path: Finding["path"], account: string | undefined) =>
    account !== undefined && /^[0-9]+$/.test(account) && account.length !== ACCOUNT_DIGITS
      ? [{ path: [...path, "sourceAccount"], rule, value: account }]
      : [];
  return [
    ...warn(["defaults"], written.defaults.sourceAccount),
    ...written.services.flatMap((service, index) =>
      typeof service === "string" ? [] : warn(["services", places[index] ?? index], service.sourceAccount),
    ),
  ];
}

const ACCOUNT_DIGITS = 12;

/** A key that is made of placeholder and name was seen by no schema yet. */
function checkResolved({ config, written, places }: Draft): Finding[] {
  return config.services.flatMap((service, index) => {
    const { key } = service;
    const broken = key === keyOf(written.services[index]) ? undefined : brokenRule(dropKey, key);
    const rule = broken ?? patternTooLong(config, service);
    return rule === undefined ? [] : [{ path: pathOf(places[index]), rule, value: key }];
  });
}

/** A role of one service may read its keys and no others, so its policy names them. */
function checkCharacters({ config, written, places }: Draft): Finding[] {
  if (config.roles.builds !== "own") return [];
  const check = (path: Finding["path"], key: string | undefined) => {
    const fault = key === undefined ? undefined : beyondPolicies(key);
    if (fault === undefined) return [];
    const rule = `must be spelled otherwise with roles: own, whose policies name the key: ${fault}; or set roles: shared, whose policy names none`;
    return [{ path, rule, value: key }];
  };
  const own = written.services.map(keyOf);
  return [
    ...(own.includes(undefined) ? check(["defaults", "key"], written.defaults.key) : []),
    ...own.flatMap((key, index) => check(pathOf(places[index]), key)),
  ];
}

/** The rule of a service without a function carries the key, as JSON spells it. */
function patternTooLong(config: PipelineConfig, service: ServiceConfig): string | undefined {
  if (!isDirect(config.trigger) || isPattern(service.key)) return undefined;
  const { length } = servicePattern(config, service);
  const { max } = limits.EVENT_PATTERN_LENGTH;
  if (length <= max) return undefined;
  return `must make an event pattern of at most ${max} characters for its rule, and makes one of ${length}, in which each " and \\ counts twice: shorten it, or take trigger queue, lambda, topic or eventbridge without direct`;
}

/** A rule of EventBridge passes the key on as it is written in the configuration, never as the sender wrote it. */
function refusePatterns({ config, written, places }: Draft): Finding[] {
  const trigger = config.trigger.kind === "cloudtrail" ? "cloudtrail" : "eventbridge with direct: true";
  const rule = `must not hold ${ANYTHING} with trigger ${trigger}, which takes exact keys; queue, lambda, topic and eventbridge without direct take patterns`;
  const refuse = (path: Finding["path"], key: string | undefined) =>
    key !== undefined && isPattern(key) ? [{ path, rule, value: key }] : [];
  return [
    ...refuse(["defaults", "key"], written.defaults.key),
    ...written.services.flatMap((service, index) => refuse(pathOf(places[index]), keyOf(service))),
  ];
}

/** Services that one key could belong to; the later one is blamed, once. */
function findAmbiguity({ config: { services }, places }: Draft): Finding[] {
  const earlier: ServiceConfig[] = [];
  const earlierPatterns: ServiceConfig[] = [];
  return services.flatMap((service, index) => {
    const { name, key } = service;
    // Two exact keys are equal or apart.
    const candidates = isPattern(key) ? earlier : earlierPatterns;
    const owner = candidates.find((other) => other.key !== key && overlap(other.key, key));
    earlier.push(service);
    if (isPattern(key)) earlierPatterns.push(service);
    if (!owner) return [];
    const common = JSON.stringify(commonKey(owner.key, key));
    const rule = `must match no key of another service: ${common} would be a drop of ${owner.name} (${owner.key}) and of ${name}`;
    return [{ path: pathOf(places[index]), rule, value: key }];
  });
}

function keyOf(service: Draft["written"]["services"][number] | undefined): string | undefined {
  return typeof service === "object" ? service.key : undefined;
}

function pathOf(place: number | undefined): Finding["path"] {
  return ["services", place ?? 0, "key"];
}

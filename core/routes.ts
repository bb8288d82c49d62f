import type { Drop } from "./drop";
import { excerpt, InvalidRoutesError } from "./errors";
import { isPattern, matchesKey } from "./key-pattern";

/** Content of routes.json, which travels beside the function's code: its environment holds strings, and 4 KB of them. */
export interface Routes {
  readonly pipeline: string;
  readonly bucket: string;
  readonly routes: readonly Route[];
}

/** Who owns a key. */
export interface Route {
  readonly service: string;
  /** The one key, exactly as the sender writes it, or a pattern of keys (key-pattern.ts). */
  readonly key: string;
  /** Name of the service's CodeBuild project. */
  readonly project: string;
}

/** Checked routes, ready to be asked. */
export interface RouteTable {
  readonly pipeline: string;
  readonly bucket: string;
  readonly byKey: ReadonlyMap<string, Route>;
  /** The routes whose key is a pattern. */
  readonly byPattern: readonly Route[];
}

/** Where a drop goes, or in one sentence why it goes nowhere. */
export type Routing = { readonly route: Route } | { readonly route?: undefined; readonly reason: string };

/**
 * Finds the owner of a drop: by bucket and exact key in constant time, then by pattern. The configuration sees to it that no
 * key matches two services.
 */
export function routeDrop(table: RouteTable, drop: Drop): Routing {
  if (drop.bucket !== table.bucket) {
    return { reason: `pipeline ${table.pipeline} takes drops from bucket ${table.bucket}, not from ${drop.bucket}` };
  }
  const route = table.byKey.get(drop.key) ?? table.byPattern.find(({ key }) => matchesKey(key, drop.key));
  return route ? { route } : { reason: `no service of pipeline ${table.pipeline} owns the key ${excerpt(drop.key)}` };
}

/**
 * Reads what {@link renderRoutes} wrote.
 * @throws InvalidRoutesError
 */
export function parseRoutes(text: string): RouteTable {
  const { pipeline, bucket, routes } = checkRoutes(parseJson(text));
  return {
    pipeline,
    bucket,
    byKey: new Map(routes.filter(({ key }) => !isPattern(key)).map((route) => [route.key, route])),
    byPattern: routes.filter(({ key }) => isPattern(key)),
  };
}

/**
 * The text of routes.json: the same bytes for the same routes in any order, one service a line.
 * @throws InvalidRoutesError where two services own one key.
 */
export function renderRoutes(routes: Routes): string {
  const checked = checkRoutes(routes);
  const lines = checked.routes
    .map(({ service, key, project }) => `  ${JSON.stringify({ service, key, project })}`)
    .sort();
  const head = `{"pipeline":${JSON.stringify(checked.pipeline)},"bucket":${JSON.stringify(checked.bucket)},"routes":[`;
  return [head, lines.join(",\n"), "]}", ""].join("\n");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidRoutesError("not JSON", { cause });
  }
}

function checkRoutes(value: unknown): Routes {
  const { routes, ...rest } = fieldsOf(value, "the file");
  if (!Array.isArray(routes)) throw new InvalidRoutesError(`routes must be a list, got: ${excerpt(routes)}`);
  const checked: Routes = {
    pipeline: name(rest.pipeline, "pipeline"),
    bucket: name(rest.bucket, "bucket"),
    routes: routes.map((entry: unknown, index) => checkRoute(entry, `routes[${index}]`)),
  };
  refuseTwoOwners(checked.routes);
  return checked;
}

function checkRoute(value: unknown, path: string): Route {
  const route = fieldsOf(value, path);
  return {
    service: name(route.service, `${path}.service`),
    key: name(route.key, `${path}.key`),
    project: name(route.project, `${path}.project`),
  };
}

function refuseTwoOwners(routes: readonly Route[]): void {
  const owners = new Map<string, string>();
  for (const { service, key } of routes) {
    const owner = owners.get(key);
    if (owner !== undefined) {
      throw new InvalidRoutesError(`services ${owner} and ${service} both own the key ${excerpt(key)}`);
    }
    owners.set(key, service);
  }
}

function fieldsOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new InvalidRoutesError(`${path} must be an object, got: ${excerpt(value)}`);
}

function name(value: unknown, path: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new InvalidRoutesError(`${path} must be a non-empty string, got: ${excerpt(value)}`);
}

import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Build, BuildNotDeleted, ListBuildsInput, StartBuildInput } from "@aws-sdk/client-codebuild";
import { AccountLimitExceededException, InvalidInputException, ResourceNotFoundException } from "./errors";
import { checkImage } from "./images";
import { checkLambdaCompute } from "./lambda-compute";
import { configure, logsLocation } from "./overrides";
import { page } from "./paging";
import type { Projects, StoredProject } from "./projects";
import { BuildRun, type Platform, type StoredBuild } from "./runner";
import { inputs, parseInput } from "./schema";
import { arn, type Scope } from "./scope";

interface Entry {
  readonly build: StoredBuild;
  readonly run: BuildRun;
  readonly input: StartBuildInput;
}

/** Minutes for which an idempotency token is remembered. */
const tokenLifetime = 5;

/** The builds of one account in one region. */
export class Builds {
  /** In the order in which they were started. */
  readonly #entries = new Map<string, Entry>();
  readonly #tokens = new Map<string, { readonly raw: unknown; readonly id: string; readonly expires: number }>();
  readonly #lastNumbers = new Map<string, number>();

  constructor(
    private readonly scope: Scope,
    private readonly projects: Projects,
    private readonly platform: Platform,
  ) {}

  start(raw: unknown): { build: Build } {
    const input = parseInput(inputs.startBuild, raw) as StartBuildInput;
    return this.#once(input.idempotencyToken, raw, () => this.#start(input));
  }

  /** Starts a build anew with the parameters of the first, on the project as it is now. */
  retry(raw: unknown): { build: Build } {
    const { id, idempotencyToken } = parseInput(inputs.retryBuild, raw);
    return this.#once(idempotencyToken, raw, () => this.#start(this.#get(id).input));
  }

  async stop(raw: unknown): Promise<{ build: Build }> {
    const { build, run } = this.#get(parseInput(inputs.buildId, raw).id);
    await run.stop();
    return { build };
  }

  batchGet(raw: unknown): { builds: Build[]; buildsNotFound: string[] } {
    const { ids } = parseInput(inputs.ids, raw);
    const found = ids.map((id) => this.#find(id));
    return {
      builds: found.flatMap((entry) => (entry ? [entry.build] : [])),
      buildsNotFound: ids.filter((_, index) => !found[index]),
    };
  }

  list(raw: unknown): { ids: string[]; nextToken?: string } {
    return this.#page([...this.#entries.keys()], parseInput(inputs.listBuilds, raw));
  }

  listForProject(raw: unknown): { ids: string[]; nextToken?: string } {
    const input = parseInput(inputs.listBuildsForProject, raw);
    const { name } = this.projects.get(input.projectName);
    const builds = [...this.#entries.values()].map((entry) => entry.build);
    return this.#page(
      builds.filter((build) => build.projectName === name).map((build) => build.id),
      input,
    );
  }

  batchDelete(raw: unknown): { buildsDeleted: string[]; buildsNotDeleted: BuildNotDeleted[] } {
    const buildsDeleted: string[] = [];
    const buildsNotDeleted: BuildNotDeleted[] = [];
    for (const id of parseInput(inputs.ids, raw).ids) {
      const build = this.#find(id)?.build;
      if (!build) buildsNotDeleted.push({ id, statusCode: "BUILD_NOT_FOUND" });
      else if (!build.buildComplete) buildsNotDeleted.push({ id, statusCode: "BUILD_IN_PROGRESS" });
      else {
        this.#entries.delete(build.id);
        buildsDeleted.push(build.arn);
      }
    }
    return { buildsDeleted, buildsNotDeleted };
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(({ run }) => run.stop()));
  }

  /** The same token within its lifetime: the same build for the same parameters, a mismatch for others. */
  #once(token: string | undefined, raw: unknown, start: () => StoredBuild): { build: Build } {
    const known = token === undefined ? undefined : this.#tokens.get(token);
    if (token === undefined || !known || known.expires <= Date.now()) {
      const build = start();
      const expires = Date.now() + tokenLifetime * this.platform.minuteInMilliseconds;
      if (token !== undefined) this.#tokens.set(token, { raw, id: build.id, expires });
      return { build };
    }
    if (!isDeepStrictEqual(known.raw, raw)) {
      throw new InvalidInputException(
        `Parameter mismatch: the idempotency token ${token} was used within ${tokenLifetime} minutes with other parameters`,
      );
    }
    return { build: this.#get(known.id).build };
  }

  #start(input: StartBuildInput): StoredBuild {
    const project = this.projects.get(input.projectName ?? "");
    this.#checkLimit(project);
    const build = this.#newBuild(project, input);
    this.#entries.set(build.id, { build, input, run: new BuildRun(build, this.platform) });
    return build;
  }

  #checkLimit({ name, concurrentBuildLimit }: StoredProject): void {
    if (concurrentBuildLimit === undefined) return;
    const active = [...this.#entries.values()].filter(
      ({ build }) => build.projectName === name && !build.buildComplete,
    );
    if (active.length >= concurrentBuildLimit) {
      throw new AccountLimitExceededException(
        `Cannot have more than ${concurrentBuildLimit} active builds for the project ${name}`,
      );
    }
  }

  #newBuild(project: StoredProject, input: StartBuildInput): StoredBuild {
    const configured = configure(this.scope, project, input);
    checkLambdaCompute(this.scope, {
      vpcConfig: configured.vpcConfig,
      fileSystemLocations: configured.fileSystemLocations,
      cache: configured.cache,
      environment: configured.environment,
      timeoutInMinutes: input.timeoutInMinutesOverride,
      queuedTimeoutInMinutes: input.queuedTimeoutInMinutesOverride,
    });
    checkImage(configured.environment);
    const uuid = randomUUID();
    const id = `${project.name}:${uuid}`;
    const buildNumber = (this.#lastNumbers.get(project.name) ?? 0) + 1;
    this.#lastNumbers.set(project.name, buildNumber);
    return {
      // Deep copies: a later change of the project does not reach a build.
      ...structuredClone(configured),
      id,
      arn: arn(this.scope, "codebuild", `build/${id}`),
      projectName: project.name,
      buildNumber,
      buildStatus: "IN_PROGRESS",
      buildComplete: false,
      initiator: "local",
      startTime: new Date(),
      logs: logsLocation(this.scope, project.name, uuid, input.logsConfigOverride ?? project.logsConfig),
    };
  }

  #page(ids: string[], { sortOrder = "DESCENDING", nextToken }: ListBuildsInput) {
    if (sortOrder === "DESCENDING") ids.reverse();
    const { items, nextToken: more } = page(ids, nextToken);
    return { ids: items, nextToken: more };
  }

  /** Takes ids and ARNs. */
  #find(id: string): Entry | undefined {
    const prefix = arn(this.scope, "codebuild", "build/");
    return this.#entries.get(id.startsWith(prefix) ? id.slice(prefix.length) : id);
  }

  #get(id: string): Entry {
    const entry = this.#find(id);
    if (!entry) throw new ResourceNotFoundException(`Build ${id} does not exist`);
    return entry;
  }
}

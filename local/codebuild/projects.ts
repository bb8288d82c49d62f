import { randomUUID } from "node:crypto";
import type {
  CreateProjectInput,
  Project,
  ProjectArtifacts,
  ProjectEnvironment,
  ProjectSource,
  UpdateProjectInput,
  UpdateProjectVisibilityInput,
} from "@aws-sdk/client-codebuild";
import { ResourceAlreadyExistsException, ResourceNotFoundException } from "./errors";
import { checkImage } from "./images";
import { checkLambdaCompute, isLambdaCompute, lambdaTimeout } from "./lambda-compute";
import { page } from "./paging";
import { inputs, parseInput } from "./schema";
import { arn, codebuildHost, type Scope } from "./scope";

/** A project as it is kept: what AWS always fills in is there. */
export type StoredProject = Project &
  Required<
    Pick<
      Project,
      "name" | "arn" | "source" | "artifacts" | "environment" | "timeoutInMinutes" | "queuedTimeoutInMinutes"
    >
  >;

type NamedInput = CreateProjectInput & { readonly name: string };

/** The projects of one account in one region. */
export class Projects {
  readonly #projects = new Map<string, { readonly input: CreateProjectInput; readonly project: StoredProject }>();

  constructor(private readonly scope: Scope) {}

  create(raw: unknown): { project: Project } {
    const input = parseInput(inputs.createProject, raw) as NamedInput;
    if (this.#projects.has(input.name)) {
      throw new ResourceAlreadyExistsException(
        `Project already exists: ${arn(this.scope, "codebuild", `project/${input.name}`)}`,
      );
    }
    return { project: this.#store(input, new Date()) };
  }

  /** Replaces what is given, keeps the rest; a limit of -1 and a VPC without id take the setting away. */
  update(raw: unknown): { project: Project } {
    const changes = parseInput(inputs.updateProject, raw);
    const { input, project } = this.#entry(changes.name);
    const merged = { ...input, ...(changes as UpdateProjectInput) };
    if (merged.concurrentBuildLimit === -1) delete merged.concurrentBuildLimit;
    if (isLambdaCompute(merged.environment?.type) && !isLambdaCompute(input.environment?.type)) {
      merged.timeoutInMinutes = changes.timeoutInMinutes;
      merged.queuedTimeoutInMinutes = changes.queuedTimeoutInMinutes;
    }
    const checked = parseInput(inputs.createProject, merged) as NamedInput;
    return { project: this.#store(checked, project.created, project) };
  }

  updateVisibility(raw: unknown): UpdateProjectVisibilityInput {
    const input = parseInput(inputs.visibility, raw) as UpdateProjectVisibilityInput;
    const project = [...this.#projects.values()].find((entry) => entry.project.arn === input.projectArn)?.project;
    if (!project) throw new ResourceNotFoundException(`Project cannot be found: ${input.projectArn ?? ""}`);
    project.projectVisibility = input.projectVisibility;
    project.resourceAccessRole = input.resourceAccessRole;
    return input;
  }

  invalidateCache(raw: unknown): void {
    const { projectName } = parseInput(inputs.cacheOfProject, raw);
    this.#entry(projectName);
  }

  /** As on AWS, deleting what is not there succeeds, and builds outlive their project. Terraform names it by its ARN. */
  delete(raw: unknown): void {
    const project = this.#find(parseInput(inputs.projectName, raw).name);
    if (project) this.#projects.delete(project.name);
  }

  /** Each name may also be the project's ARN. */
  batchGet(raw: unknown): { projects: Project[]; projectsNotFound: string[] } {
    const { names } = parseInput(inputs.names, raw);
    const found = new Map(names.map((name) => [name, this.#find(name)]));
    return {
      projects: [...found.values()].filter((project) => project !== undefined),
      projectsNotFound: [...found.keys()].filter((name) => found.get(name) === undefined),
    };
  }

  list(raw: unknown): { projects: string[]; nextToken?: string } {
    const { sortBy = "NAME", sortOrder = "ASCENDING", nextToken } = parseInput(inputs.listProjects, raw);
    const sorted = [...this.#projects.values()].map((entry) => entry.project);
    sorted.sort((a, b) => {
      if (sortBy === "NAME") return a.name < b.name ? -1 : 1;
      const time = (project: Project) => Number(sortBy === "CREATED_TIME" ? project.created : project.lastModified);
      return time(a) - time(b);
    });
    if (sortOrder === "DESCENDING") sorted.reverse();
    const { items, nextToken: more } = page(sorted, nextToken);
    return { projects: items.map((project) => project.name), nextToken: more };
  }

  /** The project as it is now; throws when there is none. */
  get(nameOrArn: string): StoredProject {
    const project = this.#find(nameOrArn);
    if (!project) throw notFound(this.scope, nameOrArn);
    return project;
  }

  #find(nameOrArn: string): StoredProject | undefined {
    const prefix = arn(this.scope, "codebuild", "project/");
    const name = nameOrArn.startsWith(prefix) ? nameOrArn.slice(prefix.length) : nameOrArn;
    return this.#projects.get(name)?.project;
  }

  #entry(name: string) {
    const entry = this.#projects.get(name);
    if (!entry) throw notFound(this.scope, name);
    return entry;
  }

  #store(input: NamedInput, created: Date | undefined, previous?: Project): StoredProject {
    checkLambdaCompute(this.scope, input);
    checkImage(input.environment);
    const project = withDefaults(this.scope, input);
    project.created = created;
    project.lastModified = new Date();
    project.projectVisibility = previous?.projectVisibility ?? "PRIVATE";
    project.resourceAccessRole = previous?.resourceAccessRole;
    if (input.badgeEnabled) project.badge = previous?.badge?.badgeEnabled ? previous.badge : newBadge(this.scope);
    this.#projects.set(input.name, { input, project });
    return project;
  }
}

function notFound(scope: Scope, name: string): ResourceNotFoundException {
  const resource = name.startsWith("arn:") ? name : arn(scope, "codebuild", `project/${name}`);
  return new ResourceNotFoundException(`Project cannot be found: ${resource}`);
}

/** The values that AWS shows for what was left out. */
function withDefaults(scope: Scope, input: NamedInput): StoredProject {
  const given: CreateProjectInput = { ...input };
  // Input only: the project shows a `badge`.
  delete given.badgeEnabled;
  if (!given.vpcConfig?.vpcId) delete given.vpcConfig;
  const lambda = isLambdaCompute(input.environment?.type);
  return {
    secondarySources: [],
    secondarySourceVersions: [],
    secondaryArtifacts: [],
    tags: [],
    cache: { type: "NO_CACHE" },
    badge: { badgeEnabled: false },
    encryptionKey: arn(scope, "kms", "alias/aws/s3"),
    ...given,
    name: input.name,
    arn: arn(scope, "codebuild", `project/${input.name}`),
    timeoutInMinutes: input.timeoutInMinutes ?? (lambda ? lambdaTimeout : 60),
    queuedTimeoutInMinutes: input.queuedTimeoutInMinutes ?? 480,
    source: { insecureSsl: false, ...input.source } as ProjectSource,
    artifacts: artifactsWithDefaults(input),
    environment: {
      environmentVariables: [],
      privilegedMode: false,
      imagePullCredentialsType: "CODEBUILD",
      ...input.environment,
    } as ProjectEnvironment,
  };
}

function artifactsWithDefaults({ name, artifacts }: NamedInput): ProjectArtifacts {
  const ofS3 = { name, packaging: "NONE", namespaceType: "NONE", encryptionDisabled: false } as const;
  return { ...(artifacts?.type === "S3" && ofS3), ...artifacts } as ProjectArtifacts;
}

function newBadge(scope: Scope) {
  return {
    badgeEnabled: true,
    badgeRequestUrl: `https://${codebuildHost(scope)}/badges?uuid=${randomUUID()}&branch=master`,
  };
}

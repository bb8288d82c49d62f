import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import { privateRepository } from "../config/compute";
import type { PipelineConfig, ServiceConfig } from "../config/schema";
import { renderPattern } from "../core/key-pattern";
import type { DropBucket } from "./drop-bucket";
import { keysOfObjects, mayUseKeys } from "./encryption";
import type { LogGroup } from "./log-group";
import { mayRunInVpc } from "./network";
import { exactly, type Statement, trustPolicy } from "./policies";
import { imageRepositoryArn, PULL, pushActions, repositoryArn } from "./registry";
import { createRole, type Role } from "./role";
import type { Surroundings } from "./surroundings";
import type { Tools } from "./tools";

/** What a trigger wants of builds. */
export interface BuildNeeds {
  /** Environment variables of every project. */
  readonly variables: Readonly<Record<string, string>>;
  /** What builds that read this key, or every key without one, may do beside. */
  readonly permissions: (key?: string) => readonly Statement[];
}

/** What builds of every service use. */
export interface BuildSurroundings {
  readonly surroundings: Surroundings;
  readonly bucket: DropBucket;
  readonly tools: Tools;
  readonly logGroup: LogGroup;
  /** @default - the trigger wants nothing */
  readonly needs?: BuildNeeds;
}

export interface BuildRoleProps extends BuildSurroundings {
  readonly pipeline: PipelineConfig;
  /** Its name, where it is made. */
  readonly name: string;
  /** The projects that may assume the role: a name, or a pattern of names. */
  readonly projects: string;
  /** The key, or pattern of keys (core/key-pattern.ts), that it may read. @default - every key of the bucket */
  readonly key?: string;
  /** The repositories of the pipeline's own that it may push to. @default - none */
  readonly repositories?: Pick<Statement, "Resource" | "Condition">;
  /** What it publishes: a service, or several. */
  readonly services: readonly ServiceConfig[];
  /** The log streams that it may write. */
  readonly logStreams: string;
}

/** What a build may do: read drops and tools, push images, write its log. Made, or taken as it is. */
export class BuildRole extends Construct implements Role {
  readonly arn: string;
  readonly permissions: readonly ITerraformDependable[];

  constructor(scope: Construct, id: string, props: BuildRoleProps) {
    super(scope, id);
    const { pipeline, name, surroundings } = props;
    const { roles } = pipeline;
    const trust = renderTrust(props);
    const statements = renderPermissions(props);
    if (typeof roles.builds !== "string") {
      surroundings.forOthers.document("builds_role_trust", trust);
      surroundings.forOthers.policy("builds_role_policy", ...statements);
      this.arn = roles.builds.existing;
      this.permissions = [];
      return;
    }
    const role = createRole(this, { roles, name, policyName: "build", trust, statements });
    this.arn = role.arn;
    this.permissions = role.permissions;
  }
}

/** https://docs.aws.amazon.com/codebuild/latest/userguide/cross-service-confused-deputy-prevention.html */
function renderTrust({ surroundings, projects }: BuildRoleProps): string {
  return trustPolicy(surroundings.principal("codebuild"), {
    ArnLike: { "aws:SourceArn": surroundings.arn("codebuild", `project/${projects}`) },
    StringEquals: { "aws:SourceAccount": surroundings.account },
  });
}

function renderPermissions(props: BuildRoleProps): Statement[] {
  const { pipeline, surroundings, bucket, tools, key, needs, logGroup, logStreams } = props;
  const bucketArn = surroundings.bucketArn(pipeline.bucket.name);
  const keys = key === undefined ? "*" : renderPattern(key, { literal: exactly, anything: "*" });
  return [
    { Sid: "ReadDrops", Effect: "Allow", Action: bucket.readActions, Resource: `${bucketArn}/${keys}` },
    ...(needs?.permissions(key) ?? []),
    ...tools.permissions,
    ...mayUseKeys("DecryptObjects", "kms:Decrypt", keysOfObjects(pipeline)),
    {
      Sid: "LogIn",
      Effect: "Allow",
      Action: "ecr:GetAuthorizationToken",
      // It knows no resource:
      // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
      Resource: "*",
    },
    ...renderPushes(props),
    ...renderMounts(props),
    ...renderImagePulls(props),
    {
      Sid: "WriteLogs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: `${logGroup.arn}:log-stream:${logStreams}`,
    },
    ...mayRunInVpc(pipeline.vpc, surroundings),
  ];
}

function renderPushes({ pipeline, surroundings, repositories, services }: BuildRoleProps): Statement[] {
  const existing = services.filter(({ existingRepository }) => existingRepository);
  const Action = pushActions(services, pipeline.publisher);
  return [
    ...(repositories ? [{ Sid: "PushImages", Effect: "Allow", Action, ...repositories } as const] : []),
    ...(existing.length === 0
      ? []
      : [
          {
            Sid: "PushToExisting",
            Effect: "Allow",
            Action,
            Resource: existing.map((service) => repositoryArn(service, surroundings)).toSorted(),
          } as const,
        ]),
  ];
}

/** Lets a build take layers from repositories of others, and change nothing there. */
function renderMounts({ pipeline, services, surroundings }: BuildRoleProps): Statement[] {
  const own = new Set(services.map((service) => repositoryArn(service, surroundings)));
  const others = new Set(
    services.flatMap(({ stream, registryAccount }) =>
      stream.mountFrom
        .map((repository) => repositoryArn({ repository, registryAccount }, surroundings))
        .filter((arn) => !own.has(arn)),
    ),
  );
  if (pipeline.publisher !== "stream" || others.size === 0) return [];
  return [
    {
      Sid: "MountLayers",
      Effect: "Allow",
      Action: PULL,
      Resource: [...others].toSorted(),
    },
  ];
}

/** Lets CodeBuild pull what the builds run in, where that lies in private ECR: it does so by the role that the build gets. */
function renderImagePulls({ services, surroundings }: BuildRoleProps): Statement[] {
  const repositories = new Set(
    services.flatMap(({ compute }) => {
      const repository = privateRepository(compute);
      return repository === undefined ? [] : [imageRepositoryArn(repository, surroundings)];
    }),
  );
  if (repositories.size === 0) return [];
  return [{ Sid: "PullBuildImages", Effect: "Allow", Action: PULL, Resource: [...repositories].toSorted() }];
}

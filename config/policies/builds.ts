import { privateRepository } from "../compute";
import { names } from "../names";
import type { PipelineConfig, ServiceConfig } from "../schema";
import { PIPELINE_TAG } from "../tags";
import { mayReadDrops } from "./drops";
import { keysOfObjects, mayUseKeys } from "./keys";
import { mayRunInVpc } from "./network";
import type { Place } from "./place";
import { imageRepositoryArn, PULL, pushActions, repositoryArn } from "./registry";
import type { Statement } from "./statement";
import { mayReadTools } from "./tools";

/**
 * What the builds of one service may do: read its drops and the tools, push its images, write their log.
 * @param created ARN of the repository that the pipeline makes for it
 */
export function ownBuildsMay(
  pipeline: PipelineConfig,
  service: ServiceConfig,
  place: Place,
  created = repositoryArn(service, place),
): Statement[] {
  return renderPermissions({
    pipeline,
    place,
    service,
    services: [service],
    ...(!service.existingRepository && { repositories: { Resource: created } }),
    logStreams: `${logStream(service.name, pipeline)}/*`,
  });
}

/**
 * What builds may do by one role for all, the same for one service as for a thousand: read every object of the bucket, write every log
 * stream of the pipeline, and push to each repository that carries the pipeline's tag - so whoever may tag repositories decides.
 */
export function allBuildsMay(pipeline: PipelineConfig, place: Place): Statement[] {
  const { name, services } = pipeline;
  const creates = services.some(({ existingRepository }) => !existingRepository);
  return renderPermissions({
    pipeline,
    place,
    services,
    ...(creates && {
      repositories: {
        Resource: place.arn("ecr", "repository/*"),
        Condition: { StringEquals: { [`aws:ResourceTag/${PIPELINE_TAG}`]: name } },
      },
    }),
    logStreams: logStream("*", pipeline),
  });
}

/** In a log group that others write to as well, the names of streams begin with the pipeline's. */
export function logStream(service: string, { name, logs }: Pick<PipelineConfig, "name" | "logs">): string {
  return logs.builds === undefined ? service : `${name}_${service}`;
}

interface Builds {
  readonly pipeline: PipelineConfig;
  readonly place: Place;
  /** The one whose drops are read. @default - all of the bucket's */
  readonly service?: ServiceConfig;
  /** What is published: a service, or several. */
  readonly services: readonly ServiceConfig[];
  /** The repositories of the pipeline's own that may be pushed to. @default - none */
  readonly repositories?: Pick<Statement, "Resource" | "Condition">;
  readonly logStreams: string;
}

function renderPermissions(builds: Builds): Statement[] {
  const { pipeline, place, service, logStreams } = builds;
  return [
    ...mayReadDrops(pipeline, service, place),
    ...mayReadTools(pipeline, place),
    ...mayUseKeys("DecryptObjects", "kms:Decrypt", keysOfObjects(pipeline)),
    {
      Sid: "LogIn",
      Effect: "Allow",
      Action: "ecr:GetAuthorizationToken",
      // It knows no resource:
      // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
      Resource: "*",
    },
    ...renderPushes(builds),
    ...renderMounts(builds),
    ...renderImagePulls(builds),
    {
      Sid: "WriteLogs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: place.arn(
        "logs",
        `log-group:${pipeline.logs.builds ?? names(pipeline.name).buildLogGroup}:log-stream:${logStreams}`,
      ),
    },
    ...mayRunInVpc(pipeline.vpc, place),
  ];
}

function renderPushes({ pipeline, place, repositories, services }: Builds): Statement[] {
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
            Resource: existing.map((service) => repositoryArn(service, place)).toSorted(),
          } as const,
        ]),
  ];
}

/** Lets a build take layers from repositories of others, and change nothing there. */
function renderMounts({ pipeline, services, place }: Builds): Statement[] {
  const own = new Set(services.map((service) => repositoryArn(service, place)));
  const others = new Set(
    services.flatMap(({ stream, registryAccount }) =>
      stream.mountFrom
        .map((repository) => repositoryArn({ repository, registryAccount }, place))
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
function renderImagePulls({ services, place }: Builds): Statement[] {
  const repositories = new Set(
    services.flatMap(({ compute }) => {
      const repository = privateRepository(compute);
      return repository === undefined ? [] : [imageRepositoryArn(repository, place)];
    }),
  );
  if (repositories.size === 0) return [];
  return [{ Sid: "PullBuildImages", Effect: "Allow", Action: PULL, Resource: [...repositories].toSorted() }];
}

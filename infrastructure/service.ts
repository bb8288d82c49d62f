import {
  CodebuildProject,
  type CodebuildProjectConfig,
  type CodebuildProjectSource,
} from "@cdktf/provider-aws/lib/codebuild-project";
import { EcrLifecyclePolicy } from "@cdktf/provider-aws/lib/ecr-lifecycle-policy";
import { EcrRepository } from "@cdktf/provider-aws/lib/ecr-repository";
import { Annotations } from "cdktf";
import { Construct } from "constructs";
import { isLambdaCompute, privateRepository } from "../config/compute";
import { names } from "../config/names";
import { logStream, ownBuildsMay } from "../config/policies/builds";
import type { PipelineConfig, RepositoriesConfig, ServiceConfig } from "../config/schema";
import { PIPELINE_TAG } from "../config/tags";
import { accept } from "./accept";
import { BuildRole } from "./build-role";
import { inlineBuildspec } from "./buildspec";
import type { LogGroup } from "./log-group";
import { literal } from "./policies";
import { PUBLISHERS } from "./publishers";
import { allowPulls, letGoOfRepository } from "./registry";
import type { Role } from "./role";
import { streamVariables } from "./stream-variables";
import type { Surroundings } from "./surroundings";
import { acceptMutability, excludeMovingTags, tagMutability } from "./tag-mutability";
import { BUILDSPEC, type Tools } from "./tools";

const KEYS_OF_ECR = "encrypted by keys of ECR; encryption.kmsKey names a key of your own";
const NO_SCANS = "repositories.scanOnPush is false";

/** What builds of every service use. */
export interface BuildSurroundings {
  readonly surroundings: Surroundings;
  readonly tools: Tools;
  readonly logGroup: LogGroup;
  /** What the trigger wants of builds: environment variables of every project. @default - nothing */
  readonly variables?: Readonly<Record<string, string>>;
}

export interface ServiceProps extends BuildSurroundings {
  readonly pipeline: PipelineConfig;
  readonly service: ServiceConfig;
  /** The role that all builds share. @default - a role that can do what this service's builds need, and nothing else */
  readonly role?: Role;
}

/** The thing whose image is dropped: the project that publishes it and the repository that it is published to. */
export class Service extends Construct {
  readonly config: ServiceConfig;
  /** What the pipeline made; absent where the repository is taken as it is. */
  readonly repository?: EcrRepository;
  /** Where to pull from: `<account>.dkr.ecr.<region>.<suffix>/<repository>`. */
  readonly repositoryUrl: string;
  readonly project: CodebuildProject;

  constructor(scope: Construct, id: string, props: ServiceProps) {
    super(scope, id);
    const { service } = props;
    this.config = service;
    this.repository = service.existingRepository ? undefined : this.#createRepository(props);
    // The pipeline may have made it, before it was somebody else's.
    if (service.existingRepository) letGoOfRepository(this);
    this.repositoryUrl = this.repository?.repositoryUrl ?? `${registryOf(props)}/${service.repository}`;
    const role = props.role ?? this.#createRole(props);
    this.project = new CodebuildProject(this, "project", {
      ...renderProject(props, this.repository?.name ?? service.repository, role),
      source: this.#renderSource(props),
    });
    if (PUBLISHERS[props.pipeline.publisher].privileged)
      accept(
        this.project,
        "CKV_AWS_316",
        "publisher: docker runs dockerd in the build; publisher: stream does without",
      );
  }

  #createRepository({ pipeline, service, surroundings }: ServiceProps): EcrRepository {
    const { kmsKey } = pipeline.encryption;
    const repository = new EcrRepository(this, "repository", {
      name: service.repository,
      imageTagMutability: tagMutability(service, pipeline),
      imageScanningConfiguration: { scanOnPush: pipeline.repositories.scanOnPush },
      encryptionConfiguration: [
        kmsKey === undefined ? { encryptionType: "AES256" } : { encryptionType: "KMS", kmsKey },
      ],
      forceDelete: false,
      ...(pipeline.protect && { lifecycle: { preventDestroy: true } }),
      // What a shared role tells the pipeline's repositories from others by.
      tags: { [PIPELINE_TAG]: pipeline.name },
    });
    if (kmsKey === undefined) {
      accept(repository, "CKV_AWS_136", KEYS_OF_ECR);
      accept(repository, "aws-ecr-repository-customer-key", KEYS_OF_ECR);
    }
    if (!pipeline.repositories.scanOnPush) {
      accept(repository, "CKV_AWS_163", NO_SCANS);
      accept(repository, "aws-ecr-enable-image-scans", NO_SCANS);
    }
    excludeMovingTags(repository, service, pipeline);
    acceptMutability(repository, service, pipeline);
    new EcrLifecyclePolicy(this, "lifecycle", {
      repository: repository.name,
      policy: renderLifecycle(service.movingTags, pipeline.repositories),
    });
    allowPulls(this, "pulls", repository, pipeline.repositories.pullAccounts, surroundings);
    return repository;
  }

  #renderSource({ service, pipeline, tools }: ServiceProps): CodebuildProjectSource {
    const inline = inlineBuildspec(service, pipeline.publisher);
    for (const warning of inline?.warnings ?? []) Annotations.of(this).addWarning(warning);
    return { type: "S3", location: tools.location, buildspec: inline === undefined ? BUILDSPEC : literal(inline.json) };
  }

  #createRole({ pipeline, service, surroundings }: ServiceProps): BuildRole {
    const name = names(pipeline.name);
    return new BuildRole(this, "build", {
      pipeline,
      surroundings,
      name: name.buildRole(service.name),
      projects: name.buildProject(service.name),
      statements: ownBuildsMay(pipeline, service, surroundings, this.repository?.arn),
    });
  }
}

function renderProject(props: ServiceProps, repository: string, role: Role): Omit<CodebuildProjectConfig, "source"> {
  const { pipeline, service, tools, logGroup } = props;
  return {
    name: names(pipeline.name).buildProject(service.name),
    description: `Publishes the drops of ${service.name}, a service of pipeline ${pipeline.name}`,
    serviceRole: role.arn,
    sourceVersion: tools.version,
    artifacts: { type: "NO_ARTIFACTS" },
    environment: {
      type: service.compute.environmentType,
      computeType: service.compute.type,
      image: service.compute.image,
      // By itself CodeBuild pulls by an identity of its own, which the repository's policy would have to name and which reaches no other
      // account. https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ProjectEnvironment.html
      ...(privateRepository(service.compute) && { imagePullCredentialsType: "SERVICE_ROLE" }),
      privilegedMode: PUBLISHERS[pipeline.publisher].privileged,
      environmentVariable: renderVariables(props, repository),
    },
    // CodeBuild names a stream <streamName>/<build id>.
    logsConfig: { cloudwatchLogs: { groupName: logGroup.name, streamName: logStream(service.name, pipeline) } },
    ...(pipeline.vpc && {
      vpcConfig: {
        vpcId: pipeline.vpc.id,
        subnets: [...pipeline.vpc.subnets],
        securityGroupIds: [...pipeline.vpc.securityGroups],
      },
    }),
    // For Lambda compute CodeBuild refuses both, the right numbers too.
    ...(!isLambdaCompute(service.compute) && {
      buildTimeout: service.buildTimeout,
      queuedTimeout: service.queuedTimeout,
    }),
    // A build that starts before its role can do anything fails.
    dependsOn: [...role.permissions],
  };
}

function registryOf({ service, surroundings }: ServiceProps): string {
  return surroundings.registry(service.registryAccount);
}

function renderVariables(props: ServiceProps, repository: string) {
  const { pipeline, service } = props;
  const variables = {
    ...service.environment,
    ...props.variables,
    SERVICE_NAME: service.name,
    IMAGE_REPO_NAME: repository,
    ECS_SOURCE: registryOf(props),
    ARCHIVE_PATH: service.archive,
    TAG_PATTERN: service.tag,
    ...(service.sourceAccount !== undefined && { SOURCE_ACCOUNT: service.sourceAccount }),
    ...(service.movingTags.length > 0 && { MOVING_TAGS: service.movingTags.join(" ") }),
    ...(pipeline.publisher === "stream" && streamVariables(service.stream)),
  };
  return Object.entries(variables)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value: literal(value) }));
}

/**
 * What a moving tag points to is kept for ever: a rule that selects it comes first and never expires it, since the
 * tag is on one image at most, and "an image that matches the tagging requirements of a rule cannot be expired by a
 * rule with a lower priority". A rule for each tag, since a list selects only images that carry all of its tags.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
 */
function renderLifecycle(movingTags: readonly string[], { untaggedExpireAfterDays, keep }: RepositoriesConfig): string {
  const rules = [
    ...movingTags.map((tag) => ({
      description: `Keep what ${tag} points to`,
      selection: { tagStatus: "tagged", tagPatternList: [tag], countType: "imageCountMoreThan", countNumber: 1 },
    })),
    {
      description: `Expire untagged images ${untaggedExpireAfterDays} days after their push`,
      selection: {
        tagStatus: "untagged",
        countType: "sinceImagePushed",
        countUnit: "days",
        countNumber: untaggedExpireAfterDays,
      },
    },
    ...(keep === undefined
      ? []
      : [
          {
            description: `Keep the newest ${keep} images`,
            selection: {
              tagStatus: "tagged",
              tagPatternList: ["*"],
              countType: "imageCountMoreThan",
              countNumber: keep,
            },
          },
        ]),
  ];
  return JSON.stringify({
    rules: rules.map((rule, index) => ({ rulePriority: index + 1, ...rule, action: { type: "expire" } })),
  });
}

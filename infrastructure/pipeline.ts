import type { TerraformElement } from "cdktf";
import { Construct } from "constructs";
import { names } from "../config/names";
import { parsePipeline } from "../config/parse";
import type { PipelineConfig } from "../config/schema";
import { BuildRole, type BuildSurroundings } from "./build-role";
import { addBucketPolicy } from "./bucket-policy";
import { type DropBucket, dropBucket } from "./drop-bucket";
import { addKeyPolicies } from "./encryption";
import { type LogGroup, logGroup } from "./log-group";
import { type Outputs, pipelineOutputs } from "./outputs";
import { Parameters } from "./parameters";
import { completeProps, type PipelineProps } from "./pipeline-props";
import { addRepositoryPolicies, letGoOfRepository } from "./registry";
import { findResource, type ResourceType } from "./resources";
import { logStream, Service } from "./service";
import { Surroundings } from "./surroundings";
import { PIPELINE_TAG } from "./tags";
import { Tools } from "./tools";
import { type Trigger, trigger } from "./triggers/trigger";

/** A bucket, its trigger and its services, from a configuration that is checked already. */
export class CheckedPipeline extends Construct {
  readonly bucket: DropBucket;
  readonly trigger: Trigger;
  /** The log group of all builds. */
  readonly buildLogs: LogGroup;
  /** By name. */
  readonly services: ReadonlyMap<string, Service>;
  /** What people and other estates look for, by name; {@link PipelineStack} makes them outputs of its stack. */
  readonly outputs: Outputs;

  constructor(scope: Construct, id: string, config: PipelineConfig) {
    super(scope, id);
    const surroundings = new Surroundings(this, "surroundings");
    this.bucket = dropBucket(this, "bucket", config, surroundings);
    const tools = new Tools(this, "tools", { config, surroundings });
    this.buildLogs = logGroup(this, "build-logs", {
      config,
      surroundings,
      name: names(config.name).buildLogGroup,
      existing: config.logs.builds,
    });
    this.trigger = trigger(this, "trigger", { config, surroundings });
    this.services = this.#createServices(config, {
      surroundings,
      bucket: this.bucket,
      tools,
      logGroup: this.buildLogs,
      needs: this.trigger.builds,
    });
    for (const service of this.services.values()) this.trigger.addService(service);
    if (this.trigger.notification) this.bucket.notify(this.trigger.notification);
    addBucketPolicy(config, this.bucket, surroundings);
    addKeyPolicies(config, surroundings);
    addRepositoryPolicies(config, surroundings);
    this.outputs = pipelineOutputs({
      bucket: this.bucket,
      trigger: this.trigger,
      buildLogs: this.buildLogs,
      services: this.services,
      forOthers: surroundings.forOthers,
    });
    if (config.outputs.ssm) new Parameters(this, "parameters", { ...config.outputs.ssm, outputs: this.outputs });
  }

  /**
   * Any resource or data source of the pipeline, to override what no option says or to refer to it.
   * @param type its class, of `@cdktf/provider-aws/lib/...`
   * @param path how its path ends, such as `trigger/queue`, where there are several of the type; the paths stand in the JSON, as `//.metadata.path`
   * @throws ResourceNotFoundError where none or several match; it lists the paths.
   *
   * @example
   * pipeline.resource(SqsQueue, "trigger/queue").addOverride("sqs_managed_sse_enabled", false);
   */
  resource<T extends TerraformElement>(type: ResourceType<T>, path = ""): T {
    return findResource(this, type, path);
  }

  #createServices(config: PipelineConfig, builds: BuildSurroundings): ReadonlyMap<string, Service> {
    const role = config.roles.builds === "own" ? undefined : this.#createSharedRole(config, builds);
    const scope = new Construct(this, "services");
    for (const name of config.retired) letGoOfRepository(new Construct(scope, name));
    return new Map(
      config.services.map((service) => [
        service.name,
        new Service(scope, service.name, { pipeline: config, service, role, ...builds }),
      ]),
    );
  }

  /**
   * One role for all builds, made or taken as it is, and the same policy for one service as for a thousand: a build may then read every
   * object of the bucket, write every log stream of the pipeline, and push to each repository that carries the
   * pipeline's tag - so whoever may tag repositories decides.
   */
  #createSharedRole(config: PipelineConfig, builds: BuildSurroundings): BuildRole {
    const name = names(config.name);
    const creates = config.services.some(({ existingRepository }) => !existingRepository);
    return new BuildRole(this, "build", {
      ...builds,
      pipeline: config,
      name: name.sharedBuildRole,
      projects: name.buildProject("*"),
      services: config.services,
      ...(creates && {
        repositories: {
          Resource: builds.surroundings.arn("ecr", "repository/*"),
          Condition: { StringEquals: { [`aws:ResourceTag/${PIPELINE_TAG}`]: config.name } },
        },
      }),
      logStreams: logStream("*", config),
    });
  }
}

/**
 * A pipeline in a stack of your own, whose AWS provider says where and with which default tags. {@link PipelineStack} makes a whole stack of
 * one. With `packaging: archive`, the default, the stack also needs an archive provider (`new ArchiveProvider(this, "archive")`); in a stack
 * whose runs plan and apply on different machines, `packaging: prebuilt` is right.
 *
 * @example
 * new Pipeline(this, "images", { name: "images", bucket: "image-drops", services: ["api"] });
 */
export class Pipeline extends CheckedPipeline {
  /** @throws ConfigError that lists everything wrong with `props` */
  constructor(scope: Construct, id: string, props: PipelineProps) {
    super(scope, id, parsePipeline(completeProps(scope, props)));
  }
}

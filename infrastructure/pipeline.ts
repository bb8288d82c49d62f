import type { TerraformElement } from "cdktf";
import { Construct } from "constructs";
import { names } from "../config/names";
import { parsePipeline } from "../config/parse";
import { allBuildsMay } from "../config/policies/builds";
import type { PipelineConfig } from "../config/schema";
import { BuildRole } from "./build-role";
import { addBucketPolicy } from "./bucket-policy";
import { type DropBucket, dropBucket } from "./drop-bucket";
import { addKeyPolicies } from "./encryption";
import { type LogGroup, logGroup } from "./log-group";
import { type Outputs, pipelineOutputs } from "./outputs";
import { Parameters } from "./parameters";
import { completeProps, type PipelineProps } from "./pipeline-props";
import { addRepositoryPolicies, letGoOfRepository } from "./registry";
import { findResource, type ResourceType } from "./resources";
import { type BuildSurroundings, Service } from "./service";
import { Surroundings } from "./surroundings";
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
      tools,
      logGroup: this.buildLogs,
      variables: this.trigger.buildVariables,
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
    const role = config.roles.builds === "own" ? undefined : this.#createSharedRole(config, builds.surroundings);
    const scope = new Construct(this, "services");
    for (const name of config.retired) letGoOfRepository(new Construct(scope, name));
    return new Map(
      config.services.map((service) => [
        service.name,
        new Service(scope, service.name, { pipeline: config, service, role, ...builds }),
      ]),
    );
  }

  /** One role for all builds, made or taken as it is. */
  #createSharedRole(config: PipelineConfig, surroundings: Surroundings): BuildRole {
    const name = names(config.name);
    return new BuildRole(this, "build", {
      pipeline: config,
      surroundings,
      name: name.sharedBuildRole,
      projects: name.buildProject("*"),
      statements: allBuildsMay(config, surroundings),
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

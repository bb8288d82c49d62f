import { LambdaFunction } from "@cdktf/provider-aws/lib/lambda-function";
import type { ITerraformDependable } from "cdktf";
import { Construct } from "constructs";
import { names } from "../config/names";
import { functionMayRunInVpc } from "../config/policies/network";
import type { Statement } from "../config/policies/statement";
import type { PipelineConfig } from "../config/schema";
import { renderRoutes } from "../core/routes";
import { accept } from "./accept";
import { bundleOf } from "./bundle";
import { logGroup } from "./log-group";
import { Package } from "./packaging";
import { trustPolicy } from "./policies";
import { startBuildRole } from "./start-build-role";
import type { Surroundings } from "./surroundings";

/** Seconds a batch of drops may take. */
export const FUNCTION_TIMEOUT_SECONDS = 30;

/**
 * Megabytes. A handful would hold the function, but CPU is handed out by memory, and a cold start is all CPU: half a
 * second is worth more than the fraction of a cent.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
 */
const FUNCTION_MEMORY = 512;

const NO_TRACES = "a drop is followed by logs and metrics (docs/monitoring.md); traces cost extra and add nothing";

export interface StartBuildFunctionProps {
  readonly config: PipelineConfig;
  readonly surroundings: Surroundings;
  /** What the function needs to be fed: the way to its events differs by trigger. */
  readonly permissions: readonly Statement[];
}

/** The function that turns finished uploads into builds. */
export class StartBuildFunction extends Construct {
  readonly function: LambdaFunction;
  /** What AWS checks when events are led to the function. */
  readonly permissions: readonly ITerraformDependable[];

  constructor(scope: Construct, id: string, props: StartBuildFunctionProps) {
    super(scope, id);
    const { config, surroundings, permissions } = props;
    const name = names(config.name);
    const existing = config.logs.function;
    const logs = logGroup(this, "logs", { config, surroundings, name: name.functionLogGroup, existing });
    const role = startBuildRole(this, {
      config,
      surroundings,
      trust: trustPolicy(surroundings.principal("lambda")),
      statements: [
        mayStartBuilds(config.name, surroundings),
        {
          Sid: "WriteLogs",
          Effect: "Allow",
          Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
          // Lambda names the streams: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
          Resource: `${logs.arn}:log-stream:*`,
        },
        ...permissions,
        ...functionMayRunInVpc(config.vpc, surroundings),
      ],
    });
    this.permissions = role.permissions;
    const code = new Package(this, "code", { packaging: config.packaging, files: renderFiles(config) });
    this.function = new LambdaFunction(this, "function", {
      functionName: name.function,
      description: `Starts a build for each image dropped into ${config.bucket.name}`,
      role: role.arn,
      runtime: "nodejs22.x",
      architectures: ["x86_64"],
      handler: "index.handler",
      filename: code.path,
      sourceCodeHash: code.base64Sha256,
      timeout: FUNCTION_TIMEOUT_SECONDS,
      memorySize: FUNCTION_MEMORY,
      ...(existing !== undefined && { loggingConfig: { logFormat: "Text", logGroup: existing } }),
      ...(config.vpc?.function && {
        vpcConfig: { subnetIds: [...config.vpc.subnets], securityGroupIds: [...config.vpc.securityGroups] },
      }),
      dependsOn: [
        // Lambda would make the group itself, without retention, and Terraform would then find it in its way.
        ...(logs.created ? [logs.created] : []),
        // Lambda checks that the role may enter the VPC when the function is made.
        ...(config.vpc?.function ? role.permissions : []),
      ],
    });
    accept(
      this.function,
      "CKV_AWS_116",
      "what it fails at is kept by the queue that it reads from, or by the destination of its failures",
    );
    if (!config.vpc?.function)
      accept(this.function, "CKV_AWS_117", "calls AWS alone and listens to nobody; vpc.function puts it into a VPC");
    accept(
      this.function,
      "CKV_AWS_272",
      "what is deployed is pinned by its SHA-256; a signing profile is the account's to have",
    );
    accept(this.function, "CKV_AWS_50", NO_TRACES);
    accept(this.function, "aws-lambda-enable-tracing", NO_TRACES);
  }
}

/** Covers the projects of this pipeline and of no other (config/names.ts), however many: the policy does not grow with them. */
export function mayStartBuilds(pipeline: string, surroundings: Surroundings): Statement {
  return {
    Sid: "StartBuilds",
    Effect: "Allow",
    Action: "codebuild:StartBuild",
    Resource: surroundings.arn("codebuild", `project/${names(pipeline).buildProject("*")}`),
  };
}

function renderFiles({ name: pipeline, bucket, services }: PipelineConfig) {
  const name = names(pipeline);
  const routes = services.map((service) => ({
    service: service.name,
    key: service.key,
    project: name.buildProject(service.name),
  }));
  return {
    "index.js": bundleOf("start-build"),
    "routes.json": Buffer.from(renderRoutes({ pipeline, bucket: bucket.name, routes })),
  };
}

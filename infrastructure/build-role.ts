import type { CloudwatchLogGroup } from "@cdktf/provider-aws/lib/cloudwatch-log-group";
import { IamRole } from "@cdktf/provider-aws/lib/iam-role";
import { IamRolePolicy } from "@cdktf/provider-aws/lib/iam-role-policy";
import { Construct } from "constructs";
import type { PipelineConfig, ServiceConfig } from "../config/schema";
import { renderPattern } from "../core/key-pattern";
import type { DropBucket } from "./drop-bucket";
import { exactly, policyDocument, type Statement, trustPolicy } from "./policies";
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
  readonly logGroup: CloudwatchLogGroup;
  /** @default - the trigger wants nothing */
  readonly needs?: BuildNeeds;
}

export interface BuildRoleProps extends BuildSurroundings {
  readonly name: string;
  /** The projects that may assume the role: a name, or a pattern of names. */
  readonly projects: string;
  /** The key, or pattern of keys (core/key-pattern.ts), that it may read. @default - every key of the bucket */
  readonly key?: string;
  /** The repositories that it may push to. */
  readonly repositories: Pick<Statement, "Resource" | "Condition">;
  /** What it publishes: a service, or several. */
  readonly services: readonly Pick<ServiceConfig, "repository" | "stream">[];
  readonly publisher: PipelineConfig["publisher"];
  /** The log streams that it may write. */
  readonly logStreams: string;
}

/** What a build may do: read drops and tools, push images, write its log. */
export class BuildRole extends Construct {
  readonly arn: string;
  /** Without it a build can do nothing. */
  readonly permissions: IamRolePolicy;

  constructor(scope: Construct, id: string, props: BuildRoleProps) {
    super(scope, id);
    const role = new IamRole(this, "role", { name: props.name, assumeRolePolicy: renderTrust(props) });
    this.arn = role.arn;
    this.permissions = new IamRolePolicy(this, "policy", {
      name: "build",
      role: role.name,
      policy: policyDocument(...renderPermissions(props)),
    });
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
  const { bucket, tools, key, needs, repositories, logGroup, logStreams } = props;
  const keys = key === undefined ? "*" : renderPattern(key, { literal: exactly, anything: "*" });
  return [
    { Sid: "ReadDrops", Effect: "Allow", Action: bucket.readActions, Resource: `${bucket.arn}/${keys}` },
    ...(needs?.permissions(key) ?? []),
    ...tools.permissions,
    {
      Sid: "LogIn",
      Effect: "Allow",
      Action: "ecr:GetAuthorizationToken",
      // It knows no resource:
      // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
      Resource: "*",
    },
    {
      Sid: "PushImages",
      Effect: "Allow",
      // To push, https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html; to read what is there
      // already, the next two; to find the newest images, whose layers are used again, the last.
      Action: [
        "ecr:BatchCheckLayerAvailability",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:PutImage",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
        ...(reusesLayers(props) ? ["ecr:DescribeImages"] : []),
      ],
      ...repositories,
    },
    ...renderMounts(props),
    {
      Sid: "WriteLogs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: `${logGroup.arn}:log-stream:${logStreams}`,
    },
  ];
}

function reusesLayers({ publisher, services }: BuildRoleProps): boolean {
  return publisher === "stream" && services.some(({ stream }) => stream.reuse);
}

/** Lets a build take layers from repositories of others, and change nothing there. */
function renderMounts({ publisher, services, surroundings }: BuildRoleProps): Statement[] {
  const own = new Set(services.map(({ repository }) => repository));
  const others = new Set(services.flatMap(({ stream }) => stream.mountFrom).filter((name) => !own.has(name)));
  if (publisher !== "stream" || others.size === 0) return [];
  return [
    {
      Sid: "MountLayers",
      Effect: "Allow",
      // https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-pull-iam.html
      Action: ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
      Resource: [...others].toSorted().map((name) => surroundings.arn("ecr", `repository/${name}`)),
    },
  ];
}

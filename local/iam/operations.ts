import type { IncomingHttpHeaders } from "node:http";
import type { RequestContext } from ".";
import { UnmappedOperationError } from "./errors";

/** What a call needs to be allowed. */
export interface Permission {
  /** As IAM names it. */
  readonly action: string;
  readonly resource: string;
  readonly context?: RequestContext;
}

/** Where a call plays, by its signature and its caller. */
interface Place {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
}

/** A call in AWS's JSON protocol: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html */
export interface JsonCall {
  /** `X-Amz-Target`: `<prefix>.<operation>`. */
  readonly target: string;
  readonly input: Readonly<Record<string, unknown>>;
}

type Mapping = (place: Place, input: JsonCall["input"]) => readonly Permission[];

/** By target: which permissions an operation takes, by the Service Authorization Reference. */
const JSON_OPERATIONS: Readonly<Record<string, Mapping>> = {
  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodebuild.html
  "CodeBuild_20161006.StartBuild": (place, { projectName }) => [project("StartBuild", place, projectName)],
  "CodeBuild_20161006.BatchGetBuilds": (place, { ids }) =>
    // `<project>:<uuid>`, or an ARN that ends so.
    texts(ids).map((id) => project("BatchGetBuilds", place, /([^/]+):[^:]+$/.exec(id)?.[1])),
  "CodeBuild_20161006.BatchGetProjects": (place, { names }) =>
    texts(names).map((name) => project("BatchGetProjects", place, name)),
  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
  "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken": () => [
    { action: "ecr:GetAuthorizationToken", resource: "*" },
  ],
  ...Object.fromEntries(
    ["BatchCheckLayerAvailability", "BatchGetImage", "DescribeImages", "ListImages", "PutImage"].map((operation) => [
      `AmazonEC2ContainerRegistry_V20150921.${operation}`,
      (place: Place, { registryId, repositoryName }: JsonCall["input"]) => [
        {
          action: `ecr:${operation}`,
          resource: arn(
            "ecr",
            { ...place, account: text(registryId) || place.account },
            `repository/${text(repositoryName)}`,
          ),
        },
      ],
    ]),
  ),
  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
  "Logs_20140328.CreateLogGroup": (place, { logGroupName }) => [
    { action: "logs:CreateLogGroup", resource: arn("logs", place, `log-group:${text(logGroupName)}`) },
  ],
  "Logs_20140328.CreateLogStream": (place, input) => [logStream("CreateLogStream", place, input)],
  "Logs_20140328.PutLogEvents": (place, input) => [logStream("PutLogEvents", place, input)],
  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
  ...Object.fromEntries(
    Object.entries({
      ChangeMessageVisibility: "ChangeMessageVisibility",
      ChangeMessageVisibilityBatch: "ChangeMessageVisibility",
      DeleteMessage: "DeleteMessage",
      DeleteMessageBatch: "DeleteMessage",
      GetQueueAttributes: "GetQueueAttributes",
      ReceiveMessage: "ReceiveMessage",
      SendMessage: "SendMessage",
      SendMessageBatch: "SendMessage",
    }).map(([operation, action]) => [
      `AmazonSQS.${operation}`,
      (place: Place, { QueueUrl }: JsonCall["input"]) => [
        { action: `sqs:${action}`, resource: arn("sqs", place, text(QueueUrl).split("/").at(-1) ?? "") },
      ],
    ]),
  ),
};

/** @throws UnmappedOperationError */
export function permissionsOfJson(place: Place, { target, input }: JsonCall): readonly Permission[] {
  const mapping = Object.hasOwn(JSON_OPERATIONS, target) ? JSON_OPERATIONS[target] : undefined;
  const permissions = mapping?.(place, input) ?? [];
  // Nothing asked for would be everything allowed.
  if (permissions.length === 0) throw new UnmappedOperationError(target);
  return permissions;
}

/** Query parameters that make no other operation of reading an object. */
const OBJECT_PARAMETERS = /^(versionId|partNumber|x-id|response-.+)$/;
/** Query parameters of every list. */
const LIST_PARAMETERS =
  /^(x-id|prefix|delimiter|encoding-type|fetch-owner|marker|max-.+|.+-marker|start-after|continuation-token)$/;

/** Operations on a bucket by the query parameter that chooses them; `prefix` where S3 passes it on as a condition key. */
const BUCKET_READS: readonly { readonly parameter: string; readonly action: string; readonly prefix?: true }[] = [
  { parameter: "acl", action: "s3:GetBucketAcl" },
  { parameter: "location", action: "s3:GetBucketLocation" },
  { parameter: "versioning", action: "s3:GetBucketVersioning" },
  { parameter: "versions", action: "s3:ListBucketVersions", prefix: true },
  // Without s3:prefix: a condition on it never holds.
  { parameter: "uploads", action: "s3:ListBucketMultipartUploads" },
  { parameter: "list-type", action: "s3:ListBucket", prefix: true },
];

/**
 * What a call to S3 takes: what reads objects, lists them, and looks at a bucket. The bucket stands in the path, as where the endpoint
 * is an IP address.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
 *
 * @param target path and query as they were sent: a key may hold `..` and `//`, which a URL would not keep
 * @throws UnmappedOperationError
 */
export function permissionOfS3(
  { partition }: Pick<Place, "partition">,
  method: string,
  target: string,
  headers: IncomingHttpHeaders,
): Permission {
  const [path = ""] = target.split("?", 1);
  const query = new URLSearchParams(target.slice(path.length));
  const [bucket = "", ...key] = decodeURIComponent(path.slice(1)).split("/");
  const parameters = [...query.keys()];
  const bucketArn = `arn:${partition}:s3:::${bucket}`;
  const object = key.join("/");
  const reads = (method === "GET" || method === "HEAD") && headers["x-amz-copy-source"] === undefined;
  if (reads && bucket !== "" && object !== "" && parameters.every((name) => OBJECT_PARAMETERS.test(name))) {
    const action = query.has("versionId") ? "s3:GetObjectVersion" : "s3:GetObject";
    return { action, resource: `${bucketArn}/${object}` };
  }
  if (method === "HEAD" && bucket !== "" && object === "" && parameters.length === 0)
    return { action: "s3:ListBucket", resource: bucketArn };
  const read = BUCKET_READS.find(({ parameter }) => query.has(parameter));
  const others = parameters.filter((name) => name !== read?.parameter && !LIST_PARAMETERS.test(name));
  if (method !== "GET" || bucket === "" || object !== "" || others.length > 0) {
    throw new UnmappedOperationError(`s3 ${method} ${target}`);
  }
  const { action, prefix } = read ?? { action: "s3:ListBucket", prefix: true };
  const asked = query.get("prefix");
  return { action, resource: bucketArn, ...(prefix && asked !== null && { context: { "s3:prefix": asked } }) };
}

function project(operation: string, place: Place, name: unknown): Permission {
  const given = text(name);
  const resource = given.startsWith("arn:") ? given : arn("codebuild", place, `project/${given}`);
  return { action: `codebuild:${operation}`, resource };
}

function logStream(operation: string, place: Place, { logGroupName, logStreamName }: JsonCall["input"]): Permission {
  const resource = arn("logs", place, `log-group:${text(logGroupName)}:log-stream:${text(logStreamName)}`);
  return { action: `logs:${operation}`, resource };
}

function arn(service: string, { partition, region, account }: Place, resource: string): string {
  return `arn:${partition}:${service}:${region}:${account}:${resource}`;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(text) : []);

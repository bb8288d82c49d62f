import type { IncomingHttpHeaders } from "node:http";

/** What a call of Terraform's AWS provider takes, by the Service Authorization Reference. */
export interface CallPermission {
  readonly action: string;
  readonly resource: string;
  /** By condition key, in lower case. */
  readonly context?: Readonly<Record<string, string>>;
}

/** A call as it arrives. */
export interface DeployerCall {
  /** By the signature. */
  readonly service: string;
  readonly region: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Where the deployer's account lies. */
interface Place {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
}

/** A call that nobody has said the permissions of: it must not pass unseen. */
class UnknownCallError extends Error {
  override readonly name = "UnknownCallError";

  constructor({ service, method, target, headers }: DeployerCall) {
    super(`nobody has said what ${service} ${method} ${target} ${String(headers["x-amz-target"] ?? "")} takes`);
  }
}

type Input = Readonly<Record<string, unknown>>;

/** What AWS knows of things by the time that a call names them, which the call does not say. */
export interface Memory {
  /** Paths of roles, by name. */
  readonly paths: Map<string, string>;
  /** Permission boundaries of roles, by name. */
  readonly boundaries: Map<string, string>;
  /** Functions of event source mappings, by the mapping's id. */
  readonly functions: Map<string, string>;
}

/** @throws UnknownCallError */
export function permissionsOf(call: DeployerCall, account: string, memory: Memory): readonly CallPermission[] {
  const partition = call.region.startsWith("cn-") ? "aws-cn" : "aws";
  const place = { partition, region: call.region, account };
  switch (call.service) {
    case "s3":
      return ofS3(call, place);
    case "iam":
      return ofIam(new URLSearchParams(call.body), place, memory);
    case "sns":
      return ofSns(new URLSearchParams(call.body), place);
    case "lambda":
      return ofLambda(call, place, memory);
    case "sts":
      // Everyone may ask who they are. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
      return [];
    default:
      return ofJson(call, place);
  }
}

/** S3's names of operations that are not those of permissions, by the query parameter. */
const BUCKET_OPERATIONS: Readonly<Record<string, string>> = {
  accelerate: "AccelerateConfiguration",
  acl: "BucketAcl",
  cors: "BucketCORS",
  encryption: "EncryptionConfiguration",
  lifecycle: "LifecycleConfiguration",
  location: "BucketLocation",
  logging: "BucketLogging",
  notification: "BucketNotification",
  "object-lock": "BucketObjectLockConfiguration",
  ownershipControls: "BucketOwnershipControls",
  policy: "BucketPolicy",
  publicAccessBlock: "BucketPublicAccessBlock",
  replication: "ReplicationConfiguration",
  requestPayment: "BucketRequestPayment",
  tagging: "BucketTagging",
  versioning: "BucketVersioning",
  website: "BucketWebsite",
};

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html */
function ofS3(call: DeployerCall, { partition }: Place): CallPermission[] {
  const url = new URL(call.target, "http://s3");
  const [bucket = "", ...rest] = decodeURIComponent(url.pathname.slice(1)).split("/");
  const key = rest.join("/");
  const resource = `arn:${partition}:s3:::${bucket}${key === "" ? "" : `/${key}`}`;
  const one = (operation: string) => [{ action: `s3:${operation}`, resource }];
  const { method } = call;
  if (key !== "") {
    if (url.searchParams.has("tagging") && method === "GET") return one("GetObjectTagging");
    if (method === "DELETE") return one(url.searchParams.has("versionId") ? "DeleteObjectVersion" : "DeleteObject");
    if (method === "PUT")
      return [...one("PutObject"), ...(call.headers["x-amz-tagging"] === undefined ? [] : one("PutObjectTagging"))];
    if (method === "GET" || method === "HEAD")
      return one(url.searchParams.has("versionId") ? "GetObjectVersion" : "GetObject");
    throw new UnknownCallError(call);
  }
  if (url.searchParams.has("versions")) return one("ListBucketVersions");
  if (url.searchParams.has("delete") && method === "POST") {
    return [...call.body.matchAll(/<Object>.*?<\/Object>/gs)].map(([object]) => ({
      action: object.includes("<VersionId>") ? "s3:DeleteObjectVersion" : "s3:DeleteObject",
      resource: `${resource}/${/<Key>(.*?)<\/Key>/s.exec(object)?.[1] ?? ""}`,
    }));
  }
  const part = Object.keys(BUCKET_OPERATIONS).find((name) => url.searchParams.has(name));
  if (part !== undefined) {
    const thing = BUCKET_OPERATIONS[part] ?? "";
    if (method === "GET") return one(`Get${thing}`);
    if (method === "PUT") return one(`Put${thing}`);
    // Only a policy has a permission of its own to delete it.
    if (method === "DELETE") return one(part === "policy" ? "DeleteBucketPolicy" : `Put${thing}`);
  }
  if (method === "HEAD" || method === "GET") return one("ListBucket");
  if (method === "PUT") return one("CreateBucket");
  if (method === "DELETE") return one("DeleteBucket");
  throw new UnknownCallError(call);
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html */
function ofIam(form: URLSearchParams, { partition, account }: Place, { paths, boundaries }: Memory): CallPermission[] {
  const operation = form.get("Action") ?? "";
  const name = form.get("RoleName") ?? "";
  if (operation === "CreateRole") paths.set(name, form.get("Path") ?? "/");
  const resource = `arn:${partition}:iam::${account}:role${paths.get(name) ?? "/"}${name}`;
  const asked = form.get("PermissionsBoundary");
  if (asked !== null) boundaries.set(name, asked);
  const boundary = boundaries.get(name);
  if (operation === "DeleteRolePermissionsBoundary") boundaries.delete(name);
  return [
    {
      action: `iam:${operation}`,
      resource,
      ...(boundary !== undefined && { context: { "iam:permissionsboundary": boundary } }),
    },
    ...(operation === "CreateRole" && form.has("Tags.member.1.Key") ? [{ action: "iam:TagRole", resource }] : []),
  ];
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html */
function ofSns(form: URLSearchParams, place: Place): CallPermission[] {
  const operation = form.get("Action") ?? "";
  const named = form.get("TopicArn") ?? form.get("ResourceArn") ?? form.get("SubscriptionArn");
  return [{ action: `sns:${operation}`, resource: named ?? arn(place, "sns", form.get("Name") ?? "") }];
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html */
function ofLambda(call: DeployerCall, place: Place, { functions }: Memory): CallPermission[] {
  const { pathname } = new URL(call.target, "http://lambda");
  const { method } = call;
  const input = (call.body === "" ? {} : JSON.parse(call.body)) as Input;
  const segments = decodeURIComponent(pathname)
    .split("/")
    .filter((part) => part !== "");
  const functionArn = (name: string) => (name.startsWith("arn:") ? name : arn(place, "lambda", `function:${name}`));
  if (segments[1] === "event-source-mappings") {
    const verb = { GET: "Get", POST: "Create", PUT: "Update", DELETE: "Delete" }[method] ?? "";
    const resource = segments[2] === undefined ? "*" : arn(place, "lambda", `event-source-mapping:${segments[2]}`);
    const fed = segments[2] === undefined ? functionArn(text(input.FunctionName)) : functions.get(segments[2]);
    const context: Record<string, string> = fed === undefined ? {} : { "lambda:functionarn": fed };
    const tags =
      input.Tags === undefined
        ? []
        : [{ action: "lambda:TagResource", resource: arn(place, "lambda", "event-source-mapping:new") }];
    return [{ action: `lambda:${verb}EventSourceMapping`, resource, context }, ...tags];
  }
  if (segments[1] === "tags") {
    const verb = { GET: "ListTags", POST: "TagResource", DELETE: "UntagResource" }[method] ?? "";
    return [{ action: `lambda:${verb}`, resource: segments[2] ?? "" }];
  }
  if (segments[1] !== "functions") throw new UnknownCallError(call);
  const resource = functionArn(segments[2] ?? text(input.FunctionName));
  const operation = LAMBDA_OPERATIONS[`${method} ${segments.slice(3, 4).join("/")}`];
  if (operation === undefined) throw new UnknownCallError(call);
  return [
    { action: `lambda:${operation}`, resource },
    ...(operation === "CreateFunction"
      ? [pass(text(input.Role), "lambda.amazonaws.com"), { action: "lambda:TagResource", resource }]
      : []),
  ];
}

const LAMBDA_OPERATIONS: Readonly<Record<string, string>> = {
  "POST ": "CreateFunction",
  "GET ": "GetFunction",
  "DELETE ": "DeleteFunction",
  "GET versions": "ListVersionsByFunction",
  "GET code-signing-config": "GetFunctionCodeSigningConfig",
  "PUT code": "UpdateFunctionCode",
  "PUT configuration": "UpdateFunctionConfiguration",
  // As the provider waits for a function to be ready.
  "GET configuration": "GetFunctionConfiguration",
  "POST policy": "AddPermission",
  "GET policy": "GetPolicy",
  "DELETE policy": "RemovePermission",
  "PUT event-invoke-config": "PutFunctionEventInvokeConfig",
  "GET event-invoke-config": "GetFunctionEventInvokeConfig",
  "DELETE event-invoke-config": "DeleteFunctionEventInvokeConfig",
};

/** Services of AWS's JSON protocols: by the operation, how its input names the resource. */
function ofJson(call: DeployerCall, place: Place): CallPermission[] {
  const operation =
    String(call.headers["x-amz-target"] ?? "")
      .split(".")
      .at(-1) ?? "";
  const input = (call.body === "" ? {} : JSON.parse(call.body)) as Input;
  const one = (service: string, resource: string, tagged?: unknown, tag = "TagResource") => [
    { action: `${service}:${operation}`, resource },
    ...(tagged === undefined ? [] : [{ action: `${service}:${tag}`, resource }]),
  ];
  switch (call.service) {
    case "sqs": {
      const name =
        text(input.QueueName ?? input.QueueUrl)
          .split("/")
          .at(-1) ?? "";
      return one("sqs", arn(place, "sqs", name), input.tags, "TagQueue");
    }
    case "ecr": {
      const names = [input.repositoryName, ...((input.repositoryNames as string[] | undefined) ?? [])].filter(Boolean);
      const resource = input.resourceArn ?? arn(place, "ecr", `repository/${text(names[0])}`);
      return one("ecr", text(resource), input.tags);
    }
    case "logs": {
      if (operation === "DescribeLogGroups") return one("logs", arn(place, "logs", "log-group:"));
      const resource = input.resourceArn ?? arn(place, "logs", `log-group:${text(input.logGroupName)}`);
      return one("logs", text(resource), operation === "CreateLogGroup" ? input.tags : undefined);
    }
    case "codebuild": {
      const name =
        text(input.name ?? (input.names as string[] | undefined)?.[0])
          .split("project/")
          .at(-1) ?? "";
      const role = input.serviceRole === undefined ? [] : [pass(text(input.serviceRole), "codebuild.amazonaws.com")];
      return [...one("codebuild", arn(place, "codebuild", `project/${name}`)), ...role];
    }
    case "events": {
      const bus =
        input.EventBusName === undefined || input.EventBusName === "default" ? "" : `${text(input.EventBusName)}/`;
      const resource = text(input.ResourceARN ?? arn(place, "events", `rule/${bus}${text(input.Name ?? input.Rule)}`));
      const targets = (input.Targets ?? []) as { readonly RoleArn?: string }[];
      const roles = targets.flatMap(({ RoleArn }) =>
        RoleArn === undefined ? [] : [pass(RoleArn, "events.amazonaws.com")],
      );
      return [...one("events", resource, operation === "PutRule" ? input.Tags : undefined), ...roles];
    }
    case "ssm": {
      if (operation === "DescribeParameters") return one("ssm", "*");
      const name = text(input.Name ?? input.ResourceId ?? (input.Names as string[] | undefined)?.[0]);
      return one("ssm", arn(place, "ssm", `parameter${name}`), input.Tags, "AddTagsToResource");
    }
    case "cloudtrail": {
      if (operation === "DescribeTrails") return one("cloudtrail", "*");
      const name = text(
        input.Name ?? input.TrailName ?? input.ResourceId ?? (input.ResourceIdList as string[] | undefined)?.[0],
      );
      const resource = name.startsWith("arn:") ? name : arn(place, "cloudtrail", `trail/${name}`);
      return one("cloudtrail", resource, operation === "CreateTrail" ? input.TagsList : undefined, "AddTags");
    }
    default:
      throw new UnknownCallError(call);
  }
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html */
function pass(role: string, service: string): CallPermission {
  return { action: "iam:PassRole", resource: role, context: { "iam:passedtoservice": service } };
}

function arn({ partition, region, account }: Place, service: string, resource: string): string {
  return `arn:${partition}:${service}:${region}:${account}:${resource}`;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

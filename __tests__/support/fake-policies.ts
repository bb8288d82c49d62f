import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { LoopbackServer } from "./loopback";

interface FakeRole {
  readonly trust: string;
  /** By name. */
  readonly inline: Map<string, string>;
  /** ARNs of managed policies. */
  readonly attached: string[];
  readonly boundary?: string;
}

interface Answer {
  readonly status?: number;
  readonly body: string;
}

/** What local/iam reads of IAM, SQS, SNS, Lambda, S3 and ECR, with policies that a test sets. */
export class FakePolicies extends LoopbackServer {
  /** By name. */
  readonly roles = new Map<string, FakeRole>();
  /** By ARN. */
  readonly managed = new Map<string, string>();
  /** By name of the queue, ARN of the topic, name of the function, bucket or repository; "" where there is no policy. */
  readonly resources = new Map<string, string>();
  /** Of repositories, by ARN. */
  readonly tags = new Map<string, Readonly<Record<string, string>>>();
  /** Buckets of others than the account that asks. */
  readonly foreignBuckets = new Set<string>();
  /** Every operation that was called, in order. */
  readonly calls: string[] = [];

  role(name: string, { trust = "", inline = {}, attached = [], boundary }: RoleSettings = {}): string {
    this.roles.set(name, { trust, inline: new Map(Object.entries(inline)), attached: [...attached], boundary });
    return roleArn(name);
  }

  protected override async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const target = request.headers["x-amz-target"];
    const { status = 200, body: answer } =
      typeof target === "string"
        ? this.#json(target.split(".")[1] ?? "", JSON.parse(body) as Record<string, unknown>)
        : body.startsWith("Action=")
          ? this.#query(new URLSearchParams(body))
          : this.#rest(request.method ?? "", new URL(request.url ?? "/", this.endpoint));
    response.writeHead(status).end(answer);
  }

  #json(operation: string, input: Readonly<Record<string, unknown>>): Answer {
    this.calls.push(operation);
    switch (operation) {
      case "GetQueueAttributes": {
        const policy = this.resources.get(String(input.QueueUrl).split("/").at(-1) ?? "");
        if (policy === undefined) return { status: 400, body: '{"__type":"QueueDoesNotExist"}' };
        return { body: JSON.stringify(policy === "" ? {} : { Attributes: { Policy: policy } }) };
      }
      case "GetRepositoryPolicy": {
        const policy = this.resources.get(String(input.repositoryName));
        if (policy === undefined) return { status: 400, body: '{"__type":"RepositoryNotFoundException"}' };
        if (policy === "") return { status: 400, body: '{"__type":"RepositoryPolicyNotFoundException"}' };
        return { body: JSON.stringify({ policyText: policy }) };
      }
      case "ListTagsForResource": {
        const tags = this.tags.get(String(input.resourceArn));
        if (tags === undefined) return { status: 400, body: '{"__type":"RepositoryNotFoundException"}' };
        return { body: JSON.stringify({ tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }) };
      }
      default:
        return { status: 400, body: '{"__type":"UnknownOperationException"}' };
    }
  }

  #query(input: URLSearchParams): Answer {
    const operation = input.get("Action") ?? "";
    this.calls.push(operation);
    if (operation === "GetTopicAttributes") {
      const policy = this.resources.get(input.get("TopicArn") ?? "");
      if (policy === undefined) return error("NotFound");
      return result(
        operation,
        `<Attributes><entry><key>Policy</key><value>${xml(policy)}</value></entry></Attributes>`,
      );
    }
    const managed = this.managed.get(input.get("PolicyArn") ?? "");
    if (operation === "GetPolicy" && managed !== undefined)
      return result(operation, "<Policy><DefaultVersionId>v2</DefaultVersionId></Policy>");
    if (operation === "GetPolicyVersion" && managed !== undefined && input.get("VersionId") === "v2")
      return result(operation, `<PolicyVersion><Document>${encodeURIComponent(managed)}</Document></PolicyVersion>`);
    const name = input.get("RoleName") ?? "";
    const role = this.roles.get(name);
    if (role === undefined) return error("NoSuchEntity");
    switch (operation) {
      case "GetRole": {
        const boundary =
          role.boundary === undefined
            ? ""
            : `<PermissionsBoundary><PermissionsBoundaryArn>${role.boundary}</PermissionsBoundaryArn></PermissionsBoundary>`;
        const trust = encodeURIComponent(role.trust);
        return result(
          operation,
          `<Role><Arn>${roleArn(name)}</Arn><AssumeRolePolicyDocument>${trust}</AssumeRolePolicyDocument>${boundary}</Role>`,
        );
      }
      case "ListRolePolicies":
        return result(operation, `<PolicyNames>${[...role.inline.keys()].map(member).join("")}</PolicyNames>`);
      case "GetRolePolicy": {
        const document = encodeURIComponent(role.inline.get(input.get("PolicyName") ?? "") ?? "");
        return result(operation, `<PolicyDocument>${document}</PolicyDocument>`);
      }
      case "ListAttachedRolePolicies": {
        const arns = role.attached.map((arn) => member(`<PolicyArn>${arn}</PolicyArn>`));
        return result(operation, `<AttachedPolicies>${arns.join("")}</AttachedPolicies>`);
      }
      default:
        return error("InvalidAction");
    }
  }

  #rest(method: string, { pathname }: URL): Answer {
    if (method === "HEAD") {
      this.calls.push("HeadBucket");
      return { status: this.foreignBuckets.has(pathname.replaceAll("/", "")) ? 403 : 200, body: "" };
    }
    const lambda = /^\/2015-03-31\/functions\/([^/]+)\/policy$/.exec(pathname)?.[1];
    this.calls.push(lambda === undefined ? "GetBucketPolicy" : "GetFunctionPolicy");
    const name = lambda === undefined ? pathname.replaceAll("/", "") : decodeURIComponent(lambda).split(":").at(-1);
    const policy = this.resources.get(name ?? "");
    if (lambda !== undefined) {
      return policy
        ? { body: JSON.stringify({ Policy: policy }) }
        : { status: 404, body: '{"__type":"ResourceNotFoundException"}' };
    }
    if (policy) return { body: policy };
    const code = policy === "" ? "NoSuchBucketPolicy" : "NoSuchBucket";
    return { status: 404, body: `<Error><Code>${code}</Code></Error>` };
  }
}

interface RoleSettings {
  readonly trust?: string;
  readonly inline?: Readonly<Record<string, string>>;
  readonly attached?: readonly string[];
  readonly boundary?: string;
}

export function roleArn(name: string): string {
  return `arn:aws:iam::123456789012:role/${name}`;
}

/** A policy document of these statements. */
export function documentOf(...statements: readonly object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

function result(operation: string, content: string): Answer {
  return { body: `<${operation}Response><${operation}Result>${content}</${operation}Result></${operation}Response>` };
}

function error(code: string): Answer {
  return {
    status: 404,
    body: `<ErrorResponse><Error><Code>${code}</Code><Message>none</Message></Error></ErrorResponse>`,
  };
}

function xml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

const member = (content: string): string => `<member>${content}</member>`;

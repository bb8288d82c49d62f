import {
  ECRClient,
  GetRepositoryPolicyCommand,
  ListTagsForResourceCommand,
  RepositoryNotFoundException,
  RepositoryPolicyNotFoundException,
} from "@aws-sdk/client-ecr";
import {
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
  NoSuchEntityException,
  paginateListAttachedRolePolicies,
  paginateListRolePolicies,
} from "@aws-sdk/client-iam";
import {
  GetPolicyCommand as GetFunctionPolicyCommand,
  LambdaClient,
  ResourceNotFoundException,
} from "@aws-sdk/client-lambda";
import { DescribeEventBusCommand, EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { GetBucketPolicyCommand, HeadBucketCommand, S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import { GetTopicAttributesCommand, NotFoundException, SNSClient } from "@aws-sdk/client-sns";
import { GetQueueAttributesCommand, QueueDoesNotExist, SQSClient } from "@aws-sdk/client-sqs";
import { UnsupportedResourceError } from "./errors";
import { parsePolicy, type Policy, type PolicyKind } from "./policy";
import { clientSettings } from "../lambda/invoke";
import { parseRoleArn } from "./principal";
import { Recent } from "./recent";

export interface SourceOptions {
  /** Where every AWS API is served, such as moto's URL. */
  readonly endpoint: string;
  /** For what belongs to no region; of the right partition. */
  readonly region: string;
  /** @default Date.now */
  readonly now?: () => number;
}

/** Clients of the services of one account and region whose resources carry policies. */
interface Clients {
  readonly sqs: SQSClient;
  readonly sns: SNSClient;
  readonly lambda: LambdaClient;
  readonly s3: S3Client;
  readonly ecr: ECRClient;
  readonly events: EventBridgeClient;
}

/** Services whose resources have no policies here; what may be done with them is said by the policies of roles alone. */
const WITHOUT_POLICIES = ["codebuild", "logs"];

/**
 * The applied policies, read back through the APIs, so that a change takes effect whoever makes it: at most a second later.
 */
export class PolicySources {
  readonly #options: SourceOptions;
  readonly #iam = new Map<string, IAMClient>();
  readonly #clients = new Map<string, Clients>();
  readonly #policies: Recent<readonly Policy[]>;
  readonly #tags: Recent<ReadonlyMap<string, string>>;
  readonly #foreign: Recent<boolean>;
  /** The last text of each document, understood. */
  readonly #parsed = new Map<string, { readonly text: string; readonly policy: Policy }>();

  constructor(options: SourceOptions) {
    this.#options = options;
    const now = options.now ?? Date.now;
    this.#policies = new Recent(now);
    this.#tags = new Recent(now);
    this.#foreign = new Recent(now);
  }

  /** The policies of a role, inline and attached, and its boundary. None where there is no such role. */
  ofRole(roleArn: string): Promise<readonly Policy[]> {
    return this.#policies.get(roleArn, async () => {
      const { name, account } = parseRoleArn(roleArn);
      const iam = this.#iamOf(account);
      const reads = [this.#inline(iam, name), this.#attached(iam, name), this.#boundary(iam, name)];
      const policies = await Promise.all(reads).catch(unless(NoSuchEntityException, []));
      return policies.flat();
    });
  }

  /** Whether a resource is of another account; for a bucket that is asked, since its ARN names none. */
  isForeign(account: string, arn: string): Promise<boolean> {
    const [, , service, region = "", owner = "", name = ""] = arn.split(":");
    if (arn === "*" || service !== "s3") return Promise.resolve(arn !== "*" && owner !== account);
    const [Bucket = ""] = name.split("/");
    return this.#foreign.get(`${account} ${Bucket}`, async () => {
      const { s3 } = this.#clientsOf(region || this.#options.region, account);
      const refused = await s3
        .send(new HeadBucketCommand({ Bucket, ExpectedBucketOwner: account }))
        .catch((error: unknown) => {
          if (error instanceof S3ServiceException) return error.$metadata.httpStatusCode === 403;
          throw error;
        });
      return refused === true;
    });
  }

  /** Who may assume a role; undefined where there is no such role. */
  async trustOf(roleArn: string): Promise<Policy | undefined> {
    const { name, account } = parseRoleArn(roleArn);
    const answer = await this.#iamOf(account)
      .send(new GetRoleCommand({ RoleName: name }))
      .catch(unless(NoSuchEntityException, undefined));
    const role = answer?.Role;
    if (role?.Arn !== roleArn) return undefined;
    return this.#parse(
      "trust",
      `trust policy of role ${name}`,
      decodeURIComponent(role.AssumeRolePolicyDocument ?? ""),
    );
  }

  /** The policy of the resource itself, or of the bucket that an object is in; none where there is none. */
  async ofResource(arn: string): Promise<readonly Policy[]> {
    const [, , service = "", region = "", account = "", ...rest] = arn.split(":");
    if (arn === "*" || WITHOUT_POLICIES.includes(service)) return [];
    const name = rest.join(":");
    const read = this.#readers(this.#clientsOf(region || this.#options.region, account), arn, account)[service];
    if (read === undefined) throw new UnsupportedResourceError(arn);
    const owner = service === "s3" ? `bucket ${name.split("/")[0] ?? ""}` : arn;
    return this.#policies.get(owner, async () => {
      const text = (await read(name)) ?? "";
      const kind = service === "ecr" ? "repository" : "resource";
      return text === "" ? [] : [this.#parse(kind, `policy of ${owner}`, text)];
    });
  }

  /** Tags of an ECR repository, the one resource here that permissions go by the tags of; none for others. */
  async tagsOf(arn: string): Promise<ReadonlyMap<string, string>> {
    const [, , service, region = "", account = ""] = arn.split(":");
    if (service !== "ecr") return new Map();
    return this.#tags.get(arn, async () => {
      const { tags = [] } = await this.#clientsOf(region, account)
        .ecr.send(new ListTagsForResourceCommand({ resourceArn: arn }))
        .catch(unless(RepositoryNotFoundException, { tags: [] }));
      return new Map(tags.map(({ Key = "", Value = "" }) => [Key, Value]));
    });
  }

  close(): void {
    for (const iam of this.#iam.values()) iam.destroy();
    for (const clients of this.#clients.values()) {
      for (const client of Object.values(clients) as { destroy(): void }[]) client.destroy();
    }
  }

  async #inline(iam: IAMClient, role: string): Promise<Policy[]> {
    const names: string[] = [];
    for await (const page of paginateListRolePolicies({ client: iam }, { RoleName: role }))
      names.push(...(page.PolicyNames ?? []));
    return Promise.all(
      names.map(async (name) => {
        const command = new GetRolePolicyCommand({ RoleName: role, PolicyName: name });
        const { PolicyDocument = "" } = await iam.send(command);
        return this.#parse("identity", `policy ${name} of role ${role}`, decodeURIComponent(PolicyDocument));
      }),
    );
  }

  async #attached(iam: IAMClient, role: string): Promise<Policy[]> {
    const arns: string[] = [];
    for await (const page of paginateListAttachedRolePolicies({ client: iam }, { RoleName: role }))
      arns.push(...(page.AttachedPolicies ?? []).map(({ PolicyArn = "" }) => PolicyArn));
    return Promise.all(arns.map((arn) => this.#managed("identity", iam, arn)));
  }

  async #boundary(iam: IAMClient, role: string): Promise<Policy[]> {
    const { Role } = await iam.send(new GetRoleCommand({ RoleName: role }));
    const arn = Role?.PermissionsBoundary?.PermissionsBoundaryArn;
    return arn === undefined ? [] : [await this.#managed("boundary", iam, arn)];
  }

  async #managed(kind: PolicyKind, iam: IAMClient, PolicyArn: string): Promise<Policy> {
    const { Policy: policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
    const command = new GetPolicyVersionCommand({ PolicyArn, VersionId: policy?.DefaultVersionId });
    const { PolicyVersion } = await iam.send(command);
    const name = kind === "boundary" ? `boundary ${PolicyArn}` : `policy ${PolicyArn}`;
    return this.#parse(kind, name, decodeURIComponent(PolicyVersion?.Document ?? ""));
  }

  /** How to read the policy of a resource, by service. */
  #readers(
    { sqs, sns, lambda, s3, ecr, events }: Clients,
    arn: string,
    account: string,
  ): Readonly<Record<string, (name: string) => Promise<string | undefined>>> {
    return {
      sqs: async (name) => {
        const QueueUrl = `${this.#options.endpoint}/${account}/${name}`;
        const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["Policy"] });
        const answer = await sqs.send(command).catch(unless(QueueDoesNotExist, undefined));
        return answer?.Attributes?.Policy;
      },
      sns: async () => {
        const command = new GetTopicAttributesCommand({ TopicArn: arn });
        const answer = await sns.send(command).catch(unless(NotFoundException, undefined));
        return answer?.Attributes?.Policy;
      },
      lambda: async () => {
        const command = new GetFunctionPolicyCommand({ FunctionName: arn });
        const answer = await lambda.send(command).catch(unless(ResourceNotFoundException, undefined));
        return answer?.Policy;
      },
      s3: async (name) => {
        const command = new GetBucketPolicyCommand({ Bucket: name.split("/")[0] });
        const answer = await s3.send(command).catch((error: unknown) => {
          // S3 models neither of them.
          const names = ["NoSuchBucketPolicy", "NoSuchBucket"];
          if (error instanceof S3ServiceException && names.includes(error.name)) return undefined;
          throw error;
        });
        return answer?.Policy;
      },
      ecr: async (name) => {
        const repositoryName = name.replace(/^repository\//, "");
        const command = new GetRepositoryPolicyCommand({ registryId: account, repositoryName });
        const answer = await ecr
          .send(command)
          .catch(unless(RepositoryPolicyNotFoundException, undefined))
          .catch(unless(RepositoryNotFoundException, undefined));
        return answer?.policyText;
      },
      events: async (name) => {
        const command = new DescribeEventBusCommand({ Name: name.replace(/^event-bus\//, "") });
        return (await events.send(command)).Policy;
      },
    };
  }

  #parse(kind: PolicyKind, name: string, text: string): Policy {
    const known = this.#parsed.get(name);
    if (known?.text === text) return known.policy;
    const policy = parsePolicy(kind, name, text);
    this.#parsed.set(name, { text, policy });
    return policy;
  }

  #iamOf(account: string): IAMClient {
    const known = this.#iam.get(account);
    if (known !== undefined) return known;
    const iam = new IAMClient(this.#settings(this.#options.region, account));
    this.#iam.set(account, iam);
    return iam;
  }

  #clientsOf(region: string, account: string): Clients {
    const place = `${account} ${region}`;
    const known = this.#clients.get(place);
    if (known !== undefined) return known;
    const settings = this.#settings(region, account);
    const clients = {
      sqs: new SQSClient(settings),
      sns: new SNSClient(settings),
      lambda: new LambdaClient(settings),
      s3: new S3Client({ ...settings, forcePathStyle: true }),
      ecr: new ECRClient(settings),
      events: new EventBridgeClient(settings),
    };
    this.#clients.set(place, clients);
    return clients;
  }

  #settings(region: string, account: string) {
    return { ...clientSettings({ endpoint: this.#options.endpoint, region }, account || undefined), maxAttempts: 2 };
  }
}

/** For `catch`: what an error of this class stands for; others go on. */
function unless<Result>(known: abstract new (...args: never[]) => Error, result: Result): (error: unknown) => Result {
  return (error) => {
    if (error instanceof known) return result;
    throw error;
  };
}

import {
  CreateRepositoryCommand,
  DeleteRepositoryPolicyCommand,
  ECRClient,
  SetRepositoryPolicyCommand,
} from "@aws-sdk/client-ecr";
import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutPermissionCommand,
  PutRuleCommand,
  PutTargetsCommand,
  RemovePermissionCommand,
} from "@aws-sdk/client-eventbridge";
import {
  CreatePolicyCommand,
  CreateRoleCommand,
  IAMClient,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  S3Client,
  type BucketLocationConstraint,
  type NotificationConfiguration,
} from "@aws-sdk/client-s3";

/** Statements, as a document. */
export function policyOf(...statements: readonly object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

const trusting = (service: string, Effect = "Allow"): string =>
  policyOf({ Effect, Principal: { Service: service }, Action: "sts:AssumeRole" });

/** How an event comes from the bus that S3 sends to: the output `for_others.event_forwarding`. */
export interface Forwarding {
  readonly event_pattern: string;
  readonly target_arn: string;
}

/** Administrators of one account on this machine, and what they do for a pipeline. */
export class Owners {
  readonly ecr: ECRClient;
  readonly iam: IAMClient;
  readonly s3: S3Client;
  readonly #events: EventBridgeClient;
  readonly #region: string;

  /** @param account whose number is the access key of its administrators here */
  constructor(account: string, region: string) {
    const settings = { region, credentials: { accessKeyId: account, secretAccessKey: "test" } };
    this.#region = region;
    this.ecr = new ECRClient(settings);
    this.iam = new IAMClient(settings);
    this.s3 = new S3Client({ ...settings, forcePathStyle: true });
    this.#events = new EventBridgeClient(settings);
  }

  async bucket(Bucket: string, NotificationConfiguration?: NotificationConfiguration): Promise<void> {
    const LocationConstraint = this.#region as BucketLocationConstraint;
    await this.s3.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint } }));
    await this.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
    if (NotificationConfiguration)
      await this.s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));
  }

  /** @param Policy undefined takes it away, here and below */
  async bucketPolicy(Bucket: string, Policy: string | undefined): Promise<void> {
    await (Policy === undefined
      ? this.s3.send(new DeleteBucketPolicyCommand({ Bucket }))
      : this.s3.send(new PutBucketPolicyCommand({ Bucket, Policy })));
  }

  async repository(repositoryName: string): Promise<void> {
    await this.ecr.send(new CreateRepositoryCommand({ repositoryName }));
  }

  async repositoryPolicy(repositoryName: string, policyText: string | undefined): Promise<void> {
    await (policyText === undefined
      ? this.ecr.send(new DeleteRepositoryPolicyCommand({ repositoryName }))
      : this.ecr.send(new SetRepositoryPolicyCommand({ repositoryName, policyText })));
  }

  /** A role that nobody may assume before its owner attaches what the output says. */
  async role(RoleName: string, Path: string): Promise<void> {
    const AssumeRolePolicyDocument = trusting("codebuild.amazonaws.com", "Deny");
    await this.iam.send(new CreateRoleCommand({ RoleName, Path, AssumeRolePolicyDocument }));
  }

  async rolePolicies(RoleName: string, trust: string | undefined, policy: string | undefined): Promise<void> {
    await this.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: trust }));
    await this.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "images", PolicyDocument: policy }));
  }

  async boundary(PolicyName: string, ...Action: readonly string[]): Promise<void> {
    const PolicyDocument = policyOf({ Effect: "Allow", Action, Resource: "*" });
    await this.iam.send(new CreatePolicyCommand({ PolicyName, PolicyDocument }));
  }

  async bus(Name: string): Promise<void> {
    await this.#events.send(new CreateEventBusCommand({ Name }));
  }

  /** Of the default bus. */
  async busPolicy(Policy: string | undefined): Promise<void> {
    await (Policy === undefined
      ? this.#events.send(new RemovePermissionCommand({ EventBusName: "default", RemoveAllPermissions: true }))
      : this.#events.send(new PutPermissionCommand({ EventBusName: "default", Policy })));
  }

  /** The rule on the default bus, with the role that EventBridge wants for it. */
  async forward(name: string, { event_pattern: EventPattern, target_arn: Arn }: Forwarding): Promise<void> {
    const AssumeRolePolicyDocument = trusting("events.amazonaws.com");
    const { Role } = await this.iam.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument }));
    const PolicyDocument = policyOf({ Effect: "Allow", Action: "events:PutEvents", Resource: Arn });
    await this.iam.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: "forward", PolicyDocument }));
    await this.#events.send(new PutRuleCommand({ Name: name, EventPattern }));
    const Targets = [{ Id: "bus", Arn, RoleArn: Role?.Arn }];
    await this.#events.send(new PutTargetsCommand({ Rule: name, Targets }));
  }

  close(): void {
    for (const client of [this.ecr, this.iam, this.s3, this.#events]) client.destroy();
  }
}

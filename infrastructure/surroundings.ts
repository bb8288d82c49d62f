import { DataAwsCallerIdentity } from "@cdktf/provider-aws/lib/data-aws-caller-identity";
import { DataAwsPartition } from "@cdktf/provider-aws/lib/data-aws-partition";
import { DataAwsRegion } from "@cdktf/provider-aws/lib/data-aws-region";
import { DataAwsServicePrincipal } from "@cdktf/provider-aws/lib/data-aws-service-principal";
import { Construct } from "constructs";

/** Services that assume roles of the pipeline or send to its parts, by the names that IAM gives them. */
export type AwsService = "cloudtrail" | "codebuild" | "events" | "lambda" | "s3" | "sns";

/**
 * Account, region and partition that the stack's provider points to. Terraform looks them up when it plans, so that ARNs and hosts
 * are right in every partition and whatever the provider assumes.
 */
export class Surroundings extends Construct {
  readonly account: string;
  readonly region: string;
  readonly partition: string;
  /** Host of the account's ECR registry in this region. */
  readonly registry: string;
  readonly #principals = new Map<AwsService, string>();

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const partition = new DataAwsPartition(this, "partition");
    this.account = new DataAwsCallerIdentity(this, "account").accountId;
    // `name` is deprecated in version 6 of the provider, `region` is unknown to version 5; `id` is the region's name in both.
    this.region = new DataAwsRegion(this, "region").id;
    this.partition = partition.partition;
    this.registry = `${this.account}.dkr.ecr.${this.region}.${partition.dnsSuffix}`;
  }

  /** ARN of a thing of this account and region; made of names, it can be known before the thing exists. */
  arn(service: string, resource: string): string {
    return `arn:${this.partition}:${service}:${this.region}:${this.account}:${resource}`;
  }

  /** ARN of a bucket, which carries neither account nor region. */
  bucketArn(bucket: string): string {
    return `arn:${this.partition}:s3:::${bucket}`;
  }

  /** The service as IAM knows it. Not made of the DNS suffix: in China some end in it and some do not. */
  principal(service: AwsService): string {
    const known = this.#principals.get(service);
    if (known !== undefined) return known;
    const { name } = new DataAwsServicePrincipal(this, `${service}-principal`, { serviceName: service });
    this.#principals.set(service, name);
    return name;
  }
}

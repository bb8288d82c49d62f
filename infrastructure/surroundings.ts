import { DataAwsCallerIdentity } from "@cdktf/provider-aws/lib/data-aws-caller-identity";
import { DataAwsPartition } from "@cdktf/provider-aws/lib/data-aws-partition";
import { DataAwsRegion } from "@cdktf/provider-aws/lib/data-aws-region";
import { DataAwsServicePrincipal } from "@cdktf/provider-aws/lib/data-aws-service-principal";
import { Construct } from "constructs";
import type { Place } from "../config/policies/place";
import { ForOthers } from "./for-others";
import { literal } from "./policies";

/** Services that assume roles of the pipeline or send to its parts, by the names that IAM gives them. */
export type AwsService = "cloudtrail" | "codebuild" | "events" | "lambda" | "logs" | "s3" | "sns";

/**
 * Account, region and partition that the stack's provider points to. Terraform looks them up when it plans, so that ARNs and hosts
 * are right in every partition and whatever the provider assumes.
 */
export class Surroundings extends Construct implements Place {
  readonly account: string;
  readonly region: string;
  readonly partition: string;
  /** What owners of things around the pipeline have to attach. */
  readonly forOthers = new ForOthers();
  readonly #dnsSuffix: string;
  readonly #principals = new Map<AwsService, DataAwsServicePrincipal>();

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const partition = new DataAwsPartition(this, "partition");
    this.account = new DataAwsCallerIdentity(this, "account").accountId;
    // `name` is deprecated in version 6 of the provider, `region` is unknown to version 5; `id` is the region's name in both.
    this.region = new DataAwsRegion(this, "region").id;
    this.partition = partition.partition;
    this.#dnsSuffix = partition.dnsSuffix;
  }

  /** Host of an account's ECR registry in this region. */
  registry(account = this.account): string {
    return `${account}.dkr.ecr.${this.region}.${this.#dnsSuffix}`;
  }

  /** ARN of a thing of this account and region unless said otherwise; made of names, it can be known before the thing exists. */
  arn(service: string, resource: string, account = this.account, region = this.region): string {
    return `arn:${this.partition}:${service}:${region}:${account}:${resource}`;
  }

  /** ARN of a thing that belongs to an account and to no region. */
  globalArn(service: string, resource: string, account = this.account): string {
    return `arn:${this.partition}:${service}::${account}:${resource}`;
  }

  /** ARN of a bucket, which carries neither account nor region. */
  bucketArn(bucket: string): string {
    return `arn:${this.partition}:s3:::${bucket}`;
  }

  /** The service as IAM knows it. Not made of the DNS suffix: in China some end in it and some do not. */
  principal(service: AwsService): string {
    return this.#lookUp(service).name;
  }

  /** The same for a service that has a principal in each region. */
  regionalPrincipal(service: AwsService): string {
    return `${service}.${this.region}.${this.#lookUp(service).suffix}`;
  }

  /** Text that Terraform must not read as a template. */
  literal(text: string): string {
    return literal(text);
  }

  #lookUp(service: AwsService): DataAwsServicePrincipal {
    const known = this.#principals.get(service);
    if (known !== undefined) return known;
    const found = new DataAwsServicePrincipal(this, `${service}-principal`, { serviceName: service });
    this.#principals.set(service, found);
    return found;
  }
}

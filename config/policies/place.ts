import { arnPartition } from "../partition";

/** Where a pipeline is deployed: what the ARNs and principals in policies are made of. In a stack, Terraform looks it up. */
export interface Place {
  readonly account: string;
  readonly region: string;
  /** ARN of a thing of this account and region unless said otherwise. */
  arn(service: string, resource: string, account?: string, region?: string): string;
  /** ARN of a thing that belongs to an account and to no region. */
  globalArn(service: string, resource: string, account?: string): string;
  bucketArn(bucket: string): string;
  /** The service as IAM knows it. */
  principal(service: "codebuild"): string;
  /** Text as it must be written to stand for itself. */
  literal(text: string): string;
}

/** Any account: in it, a policy is as long as in the one that the pipeline goes to. */
export function anyPlace(region: string): Place {
  const partition = arnPartition(region);
  const anyAccount = "0".repeat(12);
  return {
    account: anyAccount,
    region,
    arn: (service, resource, account = anyAccount, ownRegion = region) =>
      `arn:${partition}:${service}:${ownRegion}:${account}:${resource}`,
    globalArn: (service, resource, account = anyAccount) => `arn:${partition}:${service}::${account}:${resource}`,
    bucketArn: (bucket) => `arn:${partition}:s3:::${bucket}`,
    // CodeBuild's is the same in every partition, as the provider's data source aws_service_principal has it.
    principal: (service) => `${service}.amazonaws.com`,
    literal: (text) => text,
  };
}

/** An AWS service that acts for itself, for a resource: a bucket that reports, a topic that delivers. */
export interface ServicePrincipal {
  /** Such as `s3.amazonaws.com`. */
  readonly service: string;
  /** ARN of the resource. */
  readonly sourceArn?: string;
  /** Account of the resource. */
  readonly sourceAccount?: string;
}

/** Whoever acts with a role's permissions. */
export interface RolePrincipal {
  readonly roleArn: string;
  /** @default "session" */
  readonly sessionName?: string;
}

export type Principal = ServicePrincipal | RolePrincipal;

/** What an ARN of a role says. */
export function parseRoleArn(arn: string): {
  readonly partition: string;
  readonly account: string;
  readonly name: string;
} {
  const [, partition = "", , , account = "", resource = ""] = arn.split(":");
  // A path may stand before the name: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
  return { partition, account, name: resource.split("/").at(-1) ?? "" };
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns */
export function sessionArn({ roleArn, sessionName = "session" }: RolePrincipal): string {
  const { partition, account, name } = parseRoleArn(roleArn);
  return `arn:${partition}:sts::${account}:assumed-role/${name}/${sessionName}`;
}

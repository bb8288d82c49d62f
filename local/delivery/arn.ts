export interface Arn {
  readonly service: string;
  readonly region: string;
  readonly account: string;
  /** What follows the account. */
  readonly name: string;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
export function parseArn(arn: string): Arn {
  const [, , service = "", region = "", account = "", ...name] = arn.split(":");
  return { service, region, account, name: name.join(":") };
}

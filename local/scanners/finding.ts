/** What a scanner says of one check on one resource. */
export interface Finding {
  /** The scanner's id of the check: `CKV_AWS_18`, `aws-s3-enable-bucket-logging`. */
  readonly check: string;
  /** What the check asks for, in the scanner's words. */
  readonly title: string;
  /** The resource's address in its stack: `aws_s3_bucket.drops`. */
  readonly resource: string;
  readonly passed: boolean;
}

/** Findings by what the scanner was given. */
export type Findings = ReadonlyMap<string, readonly Finding[]>;

import {
  CreateBucketCommand,
  GetBucketEncryptionCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  ListObjectVersionsCommand,
  PutBucketEncryptionCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
  type ServerSideEncryptionByDefault,
} from "@aws-sdk/client-s3";
import { arnPartition } from "../../config/partition";
import { lookAt, unlessMissing } from "../preflight/account";

export interface StateBucket {
  readonly bucket: string;
  readonly region: string;
  /** ARN of the KMS key that encrypts by default. @default - the key that is set already, or S3's own */
  readonly kmsKey?: string;
  /** Go on where the bucket is used for something else, too. */
  readonly complete: boolean;
  /** Gets a line for each thing that was found or done. */
  readonly tell: (line: string) => void;
}

/** The bucket was left as it is. */
export class BootstrapError extends Error {
  override readonly name = "BootstrapError";
}

/**
 * Makes a bucket fit for states. What is right already is left alone.
 * @throws BootstrapError before anything is changed, where the bucket is somebody else's or holds something else
 */
export async function bootstrapState(s3: S3Client, wanted: StateBucket): Promise<void> {
  const existed = await ensureBucket(s3, wanted);
  const policy = existed ? await readPolicy(s3, wanted.bucket) : [];
  if (existed) await refuseOtherUses(s3, wanted, policy);
  await ensureVersioning(s3, wanted);
  await ensureEncryption(s3, wanted);
  await ensurePrivacy(s3, wanted);
  await ensureTls(s3, wanted, policy);
}

/** @returns whether it was there */
async function ensureBucket(s3: S3Client, { bucket, region, tell }: StateBucket): Promise<boolean> {
  const sight = await lookAt(s3, bucket);
  if (sight === "forbidden")
    throw new BootstrapError(`${bucket} is there and not yours to configure: take another name`);
  if (sight === "elsewhere") throw new BootstrapError(`${bucket} is in another region than ${region}: name that one`);
  if (sight === "there") {
    tell(`bucket ${bucket}: is there`);
    return true;
  }
  // us-east-1 is the one region that must not be named. https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
  const location =
    region === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: region as "eu-west-1" } };
  await s3.send(new CreateBucketCommand({ Bucket: bucket, ...location }));
  tell(`bucket ${bucket}: created in ${region}`);
  return false;
}

/** A state, or the lock beside it. */
const STATE = /\.(tfstate|tflock)$/;

async function refuseOtherUses(
  s3: S3Client,
  { bucket, complete, tell }: StateBucket,
  policy: readonly Statement[],
): Promise<void> {
  const { Versions = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket }));
  const other = Versions.find(({ Key = "" }) => !STATE.test(Key))?.Key;
  const uses = [
    ...(other === undefined ? [] : [`holds ${JSON.stringify(other)}, which is no state`]),
    ...(policy.length === 0 || policy.some(isTlsOnly) ? [] : ["has a policy of its own"]),
  ];
  if (uses.length === 0) return;
  if (!complete) {
    throw new BootstrapError(
      `${bucket} ${uses.join(" and ")}: nothing was changed; take a bucket for states alone, or go on with --complete, which keeps objects and statements`,
    );
  }
  for (const use of uses) tell(`bucket ${bucket}: ${use}, and keeps it`);
}

async function ensureVersioning(s3: S3Client, { bucket, tell }: StateBucket): Promise<void> {
  const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket: bucket }));
  if (Status !== "Enabled") {
    const VersioningConfiguration = { Status: "Enabled" as const };
    await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  }
  tell(`versioning: ${Status === "Enabled" ? "is on" : "switched on"}`);
}

async function ensureEncryption(s3: S3Client, { bucket, kmsKey, tell }: StateBucket): Promise<void> {
  const asked = s3.send(new GetBucketEncryptionCommand({ Bucket: bucket }));
  const answer = await unlessMissing(asked, "ServerSideEncryptionConfigurationNotFoundError");
  const found = answer?.ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault;
  if (found && (kmsKey === undefined || found.KMSMasterKeyID === kmsKey)) {
    tell(`encryption: is on, by ${found.KMSMasterKeyID ?? "S3's own keys"}`);
    return;
  }
  const byDefault: ServerSideEncryptionByDefault =
    kmsKey === undefined ? { SSEAlgorithm: "AES256" } : { SSEAlgorithm: "aws:kms", KMSMasterKeyID: kmsKey };
  const Rules = [{ ApplyServerSideEncryptionByDefault: byDefault, BucketKeyEnabled: kmsKey !== undefined }];
  await s3.send(new PutBucketEncryptionCommand({ Bucket: bucket, ServerSideEncryptionConfiguration: { Rules } }));
  tell(`encryption: set to ${kmsKey ?? "S3's own keys"}`);
}

const CLOSED = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true };

async function ensurePrivacy(s3: S3Client, { bucket, tell }: StateBucket): Promise<void> {
  const asked = s3.send(new GetPublicAccessBlockCommand({ Bucket: bucket }));
  const answer = await unlessMissing(asked, "NoSuchPublicAccessBlockConfiguration");
  const found: Readonly<Record<string, boolean | undefined>> = { ...answer?.PublicAccessBlockConfiguration };
  const closed = Object.keys(CLOSED).every((option) => found[option] === true);
  if (!closed)
    await s3.send(new PutPublicAccessBlockCommand({ Bucket: bucket, PublicAccessBlockConfiguration: CLOSED }));
  tell(`public access: ${closed ? "is blocked" : "blocked"}`);
}

interface Statement {
  readonly Effect?: string;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

async function readPolicy(s3: S3Client, bucket: string): Promise<readonly Statement[]> {
  const answer = await unlessMissing(s3.send(new GetBucketPolicyCommand({ Bucket: bucket })), "NoSuchBucketPolicy");
  const { Statement = [] } = JSON.parse(answer?.Policy ?? "{}") as {
    readonly Statement?: Statement | readonly Statement[];
  };
  return Array.isArray(Statement) ? (Statement as readonly Statement[]) : [Statement as Statement];
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html */
async function ensureTls(
  s3: S3Client,
  { bucket, region, tell }: StateBucket,
  policy: readonly Statement[],
): Promise<void> {
  if (policy.some(isTlsOnly)) {
    tell("TLS: is demanded");
    return;
  }
  const arn = `arn:${arnPartition(region)}:s3:::${bucket}`;
  const tlsOnly = {
    Sid: "TlsOnly",
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: [arn, `${arn}/*`],
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [...policy, tlsOnly] });
  await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  tell("TLS: demanded from now on");
}

function isTlsOnly({ Effect, Condition }: Statement): boolean {
  return Effect === "Deny" && String(Condition?.Bool?.["aws:SecureTransport"]) === "false";
}

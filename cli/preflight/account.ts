import { CloudTrailClient } from "@aws-sdk/client-cloudtrail";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { CodeBuildClient } from "@aws-sdk/client-codebuild";
import { ECRClient } from "@aws-sdk/client-ecr";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { IAMClient } from "@aws-sdk/client-iam";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { HeadBucketCommand, S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import { SNSClient } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";
import { certificateRemedy } from "../../core/certificates";

/** What AWS is asked with. @default - the credentials of the surroundings */
export interface Access {
  readonly profile?: string;
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

/** The account that the credentials lead to, in one region. Everything here only reads. */
export interface Account {
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  readonly sns: SNSClient;
  readonly iam: IAMClient;
  readonly logs: CloudWatchLogsClient;
  readonly ecr: ECRClient;
  readonly codebuild: CodeBuildClient;
  readonly lambda: LambdaClient;
  readonly events: EventBridgeClient;
  readonly cloudtrail: CloudTrailClient;
  close(): void;
}

export function openAccount(region: string, access: Access = {}): Account {
  const config = { region, ...access };
  const clients = {
    s3: s3Client(region, access),
    sqs: new SQSClient(config),
    sns: new SNSClient(config),
    iam: new IAMClient(config),
    logs: new CloudWatchLogsClient(config),
    ecr: new ECRClient(config),
    codebuild: new CodeBuildClient(config),
    lambda: new LambdaClient(config),
    events: new EventBridgeClient(config),
    cloudtrail: new CloudTrailClient(config),
  };
  return {
    ...clients,
    close: () => {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}

/** Buckets are reached by their host's name, but for an endpoint that is a number, as the emulator's. */
export function s3Client(region: string, access: Access = {}): S3Client {
  const endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL ?? "";
  return new S3Client({
    region,
    forcePathStyle: /^https?:\/\/(localhost|[0-9.]+)(:|\/|$)/.test(endpoint),
    ...access,
  });
}

/** What can be seen of a bucket: it is in another region, or somebody keeps it from us. */
export type BucketSight = "there" | "missing" | "forbidden" | "elsewhere";

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html */
export async function lookAt(s3: S3Client, bucket: string): Promise<BucketSight> {
  try {
    await s3.send(new HeadBucketCommand({ Bucket: bucket }));
    return "there";
  } catch (error) {
    const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
    if (status === 404) return "missing";
    if (status === 403) return "forbidden";
    if (status === 301 || status === 400) return "elsewhere";
    throw error;
  }
}

/** The answer, or nothing where AWS says by one of these errors that there is no such thing. */
export async function unlessMissing<T>(answer: Promise<T>, ...errors: readonly string[]): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && errors.includes(error.name)) return undefined;
    throw error;
  }
}

/** For people: why there is no answer that could be looked at. */
export function describeFailure(error: Error): string {
  const remedy = certificateRemedy(error);
  return `AWS could not be asked: ${error.name}: ${error.message}${remedy === undefined ? "" : `; ${remedy}`}`;
}

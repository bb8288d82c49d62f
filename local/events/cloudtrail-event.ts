import { randomUUID } from "node:crypto";

import { partitionOf } from "../codebuild/scope";
import type { EventBridgeEvent } from "../delivery/s3-event";
import type { CallFact } from "../moto/facts";

/** What was sent with a call, beside bucket, host and key. */
const PARAMETERS: Readonly<Record<CallFact["eventName"], (fact: CallFact) => Readonly<Record<string, string>>>> = {
  PutObject: () => ({ "x-id": "PutObject" }),
  CopyObject: () => ({ "x-id": "CopyObject" }),
  CreateMultipartUpload: () => ({ uploads: "" }),
  CompleteMultipartUpload: ({ uploadId = "" }) => ({ uploadId }),
  AbortMultipartUpload: ({ uploadId = "" }) => ({ uploadId, "x-id": "AbortMultipartUpload" }),
  DeleteObject: () => ({ "x-id": "DeleteObject" }),
};

/** Calls whose answers carry headers that CloudTrail writes down. */
const ENCRYPTING: readonly CallFact["eventName"][] = [
  "PutObject",
  "CopyObject",
  "CreateMultipartUpload",
  "CompleteMultipartUpload",
];

const CIPHER_SUITE = "TLS_AES_128_GCM_SHA256";

export function objectArn({ region, bucket, key }: CallFact): string {
  return `${bucketArn(region, bucket)}/${key}`;
}

export function bucketArn(region: string, bucket: string): string {
  return `arn:${partitionOf(region)}:s3:::${bucket}`;
}

/**
 * The call as CloudTrail reports it to EventBridge. The key is as it was sent, and times are in whole seconds.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-understanding-s3-entries.html
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 */
export function cloudTrailEvent(fact: CallFact): EventBridgeEvent {
  const { account, region, bucket, key, eventName } = fact;
  const time = fact.time.replace(/\.\d+Z$/, "Z");
  const host = `${bucket}.s3.${region}.${region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com"}`;
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": "AWS API Call via CloudTrail",
    source: "aws.s3",
    account,
    time,
    region,
    resources: [],
    detail: {
      eventVersion: "1.11",
      userIdentity: {
        type: "IAMUser",
        principalId: "AIDACKCEVSQ6C2EXAMPLE",
        arn: `arn:${partitionOf(region)}:iam::${account}:user/sender`,
        accountId: account,
        accessKeyId: "AKIAIOSFODNN7EXAMPLE",
        userName: "sender",
      },
      eventTime: time,
      eventSource: "s3.amazonaws.com",
      eventName,
      awsRegion: region,
      sourceIPAddress: "127.0.0.1",
      userAgent: "[aws-sdk-js/3.0.0]",
      ...(fact.errorCode !== undefined && { errorCode: fact.errorCode, errorMessage: fact.errorCode }),
      requestParameters: { bucketName: bucket, Host: host, key, ...PARAMETERS[eventName](fact) },
      responseElements: responseElements(fact),
      additionalEventData: {
        SignatureVersion: "SigV4",
        CipherSuite: CIPHER_SUITE,
        bytesTransferredIn: 0,
        AuthenticationMethod: "AuthHeader",
        "x-amz-id-2": Buffer.from(randomUUID()).toString("base64"),
        bytesTransferredOut: 0,
      },
      requestID: fact.requestId,
      eventID: randomUUID(),
      readOnly: false,
      resources: [
        { type: "AWS::S3::Object", ARN: objectArn(fact) },
        { accountId: account, type: "AWS::S3::Bucket", ARN: bucketArn(region, bucket) },
      ],
      eventType: "AwsApiCall",
      managementEvent: false,
      recipientAccountId: account,
      eventCategory: "Data",
      tlsDetails: { tlsVersion: "TLSv1.3", cipherSuite: CIPHER_SUITE, clientProvidedHostHeader: host },
    },
  };
}

/** Null where the answer had none of the headers that are written down, as after a failure. */
function responseElements({ eventName, versionId, errorCode }: CallFact): Readonly<Record<string, string>> | null {
  if (errorCode !== undefined) return null;
  const elements = {
    ...(ENCRYPTING.includes(eventName) && { "x-amz-server-side-encryption": "AES256" }),
    ...(versionId !== undefined && { "x-amz-version-id": versionId }),
  };
  return Object.keys(elements).length > 0 ? elements : null;
}

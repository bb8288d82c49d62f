import { randomUUID } from "node:crypto";
import type { OutgoingHttpHeaders } from "node:http";

/** What a service answers to a call that it does not carry out. */
export interface Refusal {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string;
}

type Cause = "denied" | "unknown-key" | "unsigned" | "unmapped" | "unsupported-policy";

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList */
const S3_CODES: Readonly<Record<Cause, string>> = {
  denied: "AccessDenied",
  "unknown-key": "InvalidAccessKeyId",
  unsigned: "AccessDenied",
  unmapped: "UnmappedOperation",
  "unsupported-policy": "UnsupportedPolicy",
};

/** https://docs.aws.amazon.com/codebuild/latest/APIReference/CommonErrors.html */
const JSON_CODES: Readonly<Record<Cause, string>> = {
  denied: "AccessDeniedException",
  "unknown-key": "UnrecognizedClientException",
  unsigned: "MissingAuthenticationTokenException",
  unmapped: "UnmappedOperation",
  "unsupported-policy": "UnsupportedPolicy",
};

/** A refusal as the service writes it. No status above 499: no SDK is to try again what stays refused. */
export function refusal(service: string, cause: Cause, message: string): Refusal {
  const requestId = randomUUID();
  if (service === "s3") {
    const body =
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${S3_CODES[cause]}</Code><Message>${escapeXml(message)}</Message>` +
      `<RequestId>${requestId}</RequestId></Error>`;
    return { status: 403, headers: { "content-type": "application/xml", "x-amz-request-id": requestId }, body };
  }
  const body = JSON.stringify({ __type: JSON_CODES[cause], message });
  return {
    status: cause === "unknown-key" || cause === "unsigned" ? 403 : 400,
    headers: { "content-type": "application/x-amz-json-1.1", "x-amzn-requestid": requestId },
    body,
  };
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

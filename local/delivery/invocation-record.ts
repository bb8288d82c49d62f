import type { Invocation } from "../lambda/invoke";

/** Why an asynchronous invocation is over. */
export type Condition = "Success" | "RetriesExhausted" | "EventAgeExceeded" | "ZeroReservedConcurrency";

export interface EndedInvocation {
  readonly requestId: string;
  /** Without a version. */
  readonly functionArn: string;
  readonly version: string;
  readonly condition: Condition;
  /** How often the function ran. */
  readonly runs: number;
  readonly event: unknown;
  /** Its last run. Absent where it never ran. */
  readonly last?: Invocation;
  readonly time: Date;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
export function invocationRecord(ended: EndedInvocation): object {
  const { last, version } = ended;
  return {
    version: "1.0",
    timestamp: ended.time.toISOString(),
    requestContext: {
      requestId: ended.requestId,
      functionArn: `${ended.functionArn}:${version}`,
      condition: ended.condition,
      approximateInvokeCount: ended.runs,
    },
    requestPayload: ended.event,
    ...(last === undefined
      ? {}
      : {
          responseContext: {
            statusCode: 200,
            executedVersion: version,
            ...(last.error === undefined ? {} : { functionError: "Unhandled" }),
          },
          responsePayload: last.error ?? last.payload,
        }),
  };
}

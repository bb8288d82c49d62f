import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import type { FunctionConfiguration } from "@aws-sdk/client-lambda";
import type { Permissions } from "../iam";
import { roleVariables } from "../iam/credentials";
import { asError, RoleNotAssumedError } from "./errors";

interface SessionOptions {
  readonly endpoint: string;
  readonly region: string;
  readonly permissions?: Permissions;
}

/** As whom an execution environment acts. */
export interface Session {
  /** For the function's process. */
  readonly variables: Readonly<Record<string, string>>;
  /** Lambda writes a function's log with the permissions of its role: https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html */
  readonly logs: CloudWatchLogsClient;
}

/** @throws RoleNotAssumedError */
export async function openSession(
  { endpoint, region, permissions }: SessionOptions,
  { FunctionName = "", Role = "" }: FunctionConfiguration,
): Promise<Session> {
  if (permissions === undefined) {
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    return { variables: {}, logs: new CloudWatchLogsClient({ endpoint, region, credentials }) };
  }
  const { iam, gate } = permissions;
  const credentials = await iam
    .assumeRole(Role, { service: "lambda.amazonaws.com" }, FunctionName)
    .catch((error: unknown) => {
      throw new RoleNotAssumedError(FunctionName, { cause: asError(error) });
    });
  return {
    variables: roleVariables(credentials, gate),
    logs: new CloudWatchLogsClient({ endpoint: gate, region, credentials }),
  };
}

import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { S3Client } from "@aws-sdk/client-s3";
import { roleVariables } from "../iam/credentials";
import { AccessDeniedError } from "../iam/errors";
import { AccessDenied } from "./errors";
import type { Platform, StoredBuild } from "./runner";

/** As whom a build acts. */
export interface Session {
  readonly s3: S3Client;
  readonly logs: CloudWatchLogsClient;
  /** For the build's commands. */
  readonly variables: Readonly<Record<string, string>>;
  close(): void;
}

/**
 * CodeBuild does everything for a build, and lets the build do everything, by the project's service role.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html
 */
export async function openSession(build: StoredBuild, platform: Platform): Promise<Session> {
  const { region, permissions, s3, logs } = platform;
  if (permissions === undefined) return { s3, logs, variables: {}, close: () => undefined };
  const { iam, gate } = permissions;
  const role = build.serviceRole ?? "";
  const [, , , , account = "", resource = ""] = build.arn.split(":");
  const service = {
    service: "codebuild.amazonaws.com",
    // The project, not the build: https://docs.aws.amazon.com/codebuild/latest/userguide/cross-service-confused-deputy-prevention.html
    sourceArn: [...build.arn.split(":", 5), resource.replace(/^build\//, "project/")].join(":"),
    sourceAccount: account,
  };
  const uuid = build.id.slice(build.projectName.length + 1);
  const credentials = await iam.assumeRole(role, service, `AWSCodeBuild-${uuid}`).catch((error: unknown) => {
    if (!(error instanceof AccessDeniedError)) throw error;
    // https://docs.aws.amazon.com/codebuild/latest/userguide/troubleshooting.html#troubleshooting-assume-role
    const message = `CodeBuild is not authorized to perform: sts:AssumeRole on ${role}. Error message: ${error.message}`;
    throw new AccessDenied(message, { cause: error });
  });
  const client = { region, endpoint: gate, credentials, maxAttempts: 2 };
  const own = { s3: new S3Client({ ...client, forcePathStyle: true }), logs: new CloudWatchLogsClient(client) };
  return {
    ...own,
    variables: roleVariables(credentials, gate),
    close: () => {
      own.s3.destroy();
      own.logs.destroy();
    },
  };
}

/** Whether CloudWatch Logs refused a call. */
export function isDenied(error: unknown): error is Error {
  return error instanceof Error && error.name === "AccessDeniedException";
}

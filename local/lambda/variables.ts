import type { FunctionConfiguration } from "@aws-sdk/client-lambda";
import { isWayOut } from "../iam/credentials";

export interface Place {
  readonly taskRoot: string;
  readonly region: string;
  /** Log group and stream. */
  readonly group: string;
  readonly stream: string;
}

/**
 * The environment of a function's process as Lambda defines it: nothing of this machine's leaks in, and the function's own
 * variables cannot replace the reserved ones. Nor can they lead its requests elsewhere: `unusedVariables` says which would.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
export function functionVariables(configuration: FunctionConfiguration, place: Place): Record<string, string> {
  const logging = configuration.LoggingConfig;
  const own = Object.entries(configuration.Environment?.Variables ?? {});
  return {
    LANG: "en_US.UTF-8",
    PATH: "/usr/local/bin:/usr/bin:/bin",
    TZ: ":UTC",
    // As on Lambda, a folder that does not exist: no AWS profile of this machine's user is found.
    HOME: "/home/sbx_user1051",
    ...Object.fromEntries(own.filter(([name]) => !isWayOut(name))),
    _HANDLER: configuration.Handler ?? "",
    AWS_REGION: place.region,
    AWS_DEFAULT_REGION: place.region,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_SESSION_TOKEN: "test",
    AWS_EXECUTION_ENV: `AWS_Lambda_${configuration.Runtime ?? ""}`,
    AWS_LAMBDA_FUNCTION_NAME: configuration.FunctionName ?? "",
    AWS_LAMBDA_FUNCTION_VERSION: configuration.Version ?? "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(configuration.MemorySize ?? 128),
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: place.group,
    AWS_LAMBDA_LOG_STREAM_NAME: place.stream,
    LAMBDA_TASK_ROOT: place.taskRoot,
    ...(logging?.LogFormat === "JSON" && { AWS_LAMBDA_LOG_FORMAT: "JSON" }),
    ...(logging?.ApplicationLogLevel !== undefined && { AWS_LAMBDA_LOG_LEVEL: logging.ApplicationLogLevel }),
  };
}

/** The function's own variables that AWS would honour and this machine does not. */
export function unusedVariables({ Environment }: FunctionConfiguration): string[] {
  return Object.keys(Environment?.Variables ?? {}).filter(isWayOut);
}

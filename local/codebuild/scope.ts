/** Where a request plays: everything of CodeBuild belongs to one account in one region. */
export interface Scope {
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
}

export function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  if (region.startsWith("us-gov-")) return "aws-us-gov";
  return "aws";
}

export function arn(scope: Scope, service: string, resource: string): string {
  return `arn:${scope.partition}:${service}:${scope.region}:${scope.accountId}:${resource}`;
}

const dnsSuffix = (scope: Scope) => (scope.partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com");

export function codebuildHost(scope: Scope): string {
  return `codebuild.${scope.region}.${dnsSuffix(scope)}`;
}

const consoleHosts: Record<string, string> = {
  aws: "console.aws.amazon.com",
  "aws-cn": "console.amazonaws.cn",
  "aws-us-gov": "console.amazonaws-us-gov.com",
};

/** The console's page of a log stream; slashes are escaped twice, the second time with `$` for `%`. */
export function logDeepLink(scope: Scope, group: string, stream: string): string {
  const escape = (name: string) => encodeURIComponent(encodeURIComponent(name)).replaceAll("%", "$");
  const host = consoleHosts[scope.partition] ?? "console.aws.amazon.com";
  return `https://${host}/cloudwatch/home?region=${scope.region}#logsV2:log-groups/log-group/${escape(group)}/log-events/${escape(stream)}`;
}

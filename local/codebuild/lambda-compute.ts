import type { CreateProjectInput } from "@aws-sdk/client-codebuild";
import { InvalidInputException } from "./errors";
import type { Scope } from "./scope";

/** Minutes that a build on Lambda compute may take; it cannot be configured. */
export const lambdaTimeout = 15;

export const isLambdaCompute = (environmentType: string | undefined) =>
  environmentType === "LINUX_LAMBDA_CONTAINER" || environmentType === "ARM_LAMBDA_CONTAINER";

/** Refuses what Lambda compute lacks: https://docs.aws.amazon.com/codebuild/latest/userguide/lambda.html#lambda.limitations */
export function checkLambdaCompute(scope: Scope, project: Partial<CreateProjectInput>): void {
  const { environment } = project;
  const lambda = isLambdaCompute(environment?.type);
  if (lambda !== (environment?.computeType?.startsWith("BUILD_LAMBDA_") ?? false)) {
    throw new InvalidInputException(
      `environment.computeType: ${environment?.computeType ?? "none"} does not go with the environment type ${environment?.type ?? "none"}`,
    );
  }
  if (!lambda) return;
  // https://docs.aws.amazon.com/codebuild/latest/userguide/lambda.html#lambda.regions
  if (scope.partition !== "aws") {
    throw new InvalidInputException(`Lambda compute is not available in ${scope.region}; use LINUX_CONTAINER`);
  }
  const given: Record<string, boolean> = {
    privilegedMode: environment.privilegedMode === true,
    timeoutInMinutes: project.timeoutInMinutes !== undefined,
    queuedTimeoutInMinutes: project.queuedTimeoutInMinutes !== undefined,
    vpcConfig: project.vpcConfig?.vpcId !== undefined,
    cache: (project.cache?.type ?? "NO_CACHE") !== "NO_CACHE",
    fileSystemLocations: (project.fileSystemLocations ?? []).length > 0,
    badgeEnabled: project.badgeEnabled === true,
  };
  const refused = Object.keys(given).filter((name) => given[name]);
  if (refused.length > 0) {
    throw new InvalidInputException(
      `Lambda compute does not support ${refused.join(", ")}; leave it out or use LINUX_CONTAINER`,
    );
  }
}

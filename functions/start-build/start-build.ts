import { createHash } from "node:crypto";
import {
  CodeBuildServiceException,
  ResourceNotFoundException,
  StartBuildCommand,
  type CodeBuildClient,
  type StartBuildCommandInput,
} from "@aws-sdk/client-codebuild";
import { type Drop, dropVariables } from "../../core/drop";
import type { Route } from "../../core/routes";
import { ProjectNotFoundError, StartBuildDeferredError, StartBuildRefusedError } from "./errors";

/**
 * Starts the build of the route's service on exactly this drop; answers with the build's id.
 * @throws StartBuildDeferredError, ProjectNotFoundError or StartBuildRefusedError
 */
export async function startBuild(client: CodeBuildClient, route: Route, drop: Drop): Promise<string | undefined> {
  try {
    const { build } = await client.send(new StartBuildCommand(renderRequest(route, drop)));
    return build?.id;
  } catch (error) {
    throw explain(route, error as Error);
  }
}

function renderRequest(route: Route, drop: Drop): StartBuildCommandInput {
  const request: StartBuildCommandInput = {
    projectName: route.project,
    environmentVariablesOverride: Object.entries(dropVariables(drop)).map(([name, value]) => ({
      name,
      value,
      type: "PLAINTEXT",
    })),
  };
  return { ...request, idempotencyToken: digest(request) };
}

/**
 * A message delivered twice gives the same request, hence the same token, hence no second build within the five minutes
 * for which CodeBuild remembers it. A token over less than the whole request could meet another request: an error.
 * https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html#CodeBuild-StartBuild-request-idempotencyToken
 */
function digest(request: StartBuildCommandInput): string {
  return createHash("sha256").update(JSON.stringify(request)).digest("hex");
}

/** AccountLimitExceededException is the modelled one; CodeBuild throttles by an exception that its model lacks. */
const DEFERRING = /Throttl|TooManyRequests|LimitExceeded/;

function explain(route: Route, error: Error): Error {
  if (error instanceof ResourceNotFoundException) return new ProjectNotFoundError(route, error);
  const answered = error instanceof CodeBuildServiceException;
  const status = answered ? (error.$metadata.httpStatusCode ?? 0) : 0;
  // Without an answer it was the network, a timeout or the credentials: nothing that CodeBuild decided.
  const deferred = !answered || status >= 500 || status === 429 || DEFERRING.test(error.name);
  return deferred ? new StartBuildDeferredError(route, error) : new StartBuildRefusedError(route, error);
}

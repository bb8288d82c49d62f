import type { Route } from "../../core/routes";

/** The function runs outside of what Lambda gives it. */
export class MissingEnvironmentError extends Error {
  override readonly name = "MissingEnvironmentError";

  constructor(variable: string, whoSetsIt: string) {
    super(
      `environment variable ${variable} is not set or empty, expected as ${whoSetsIt}; set it when running elsewhere`,
    );
  }
}

/** The function's package lacks its routes. */
export class MissingRoutesError extends Error {
  override readonly name = "MissingRoutesError";

  constructor(path: string, options: ErrorOptions) {
    super(`cannot read ${path}, which the stack puts beside the function's code; apply the stack again`, options);
  }
}

/** CodeBuild cannot start the build now: throttled, over quota, unwell or out of reach. Later it may. */
export class StartBuildDeferredError extends Error {
  override readonly name = "StartBuildDeferredError";

  constructor(route: Route, cause: Error) {
    super(
      `starting the build of service ${route.service} (project ${route.project}): ${describe(cause)}; ` +
        "its event comes again, and the build is tried again",
      { cause },
    );
  }
}

/** The service's project does not exist. */
export class ProjectNotFoundError extends Error {
  override readonly name = "ProjectNotFoundError";

  constructor(route: Route, cause: Error) {
    super(
      `starting the build of service ${route.service}: CodeBuild has no project ${route.project}, which routes.json ` +
        `names (${describe(cause)}); apply the stack again, or remove the service from the pipeline, then replay the ` +
        "events that failed",
      { cause },
    );
  }
}

/** CodeBuild refuses the build, and will refuse it again until someone acts. */
export class StartBuildRefusedError extends Error {
  override readonly name = "StartBuildRefusedError";

  constructor(route: Route, cause: Error) {
    super(
      `starting the build of service ${route.service} (project ${route.project}): ${describe(cause)}, expected a ` +
        "started build; mend what CodeBuild names, then replay the events that failed",
      { cause },
    );
  }
}

/** Several drops of one event started no build. */
export class BuildsNotStartedError extends AggregateError {
  override readonly name = "BuildsNotStartedError";

  constructor(errors: readonly Error[], drops: number) {
    super(
      errors,
      `${errors.length} of ${drops} drops started no build: ${errors.map(({ message }) => message).join("; ")}`,
    );
  }
}

function describe(error: Error): string {
  return `${error.name}: ${error.message}`;
}

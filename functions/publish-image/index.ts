import { availableParallelism } from "node:os";
import { run } from "../../core/publish/run";

// Before anything is compressed: Node reads it once (https://nodejs.org/api/cli.html#uv_threadpool_sizesize).
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));

/* eslint-disable @typescript-eslint/no-require-imports -- a command that needs no AWS SDK shall not wait for it to load */
/** In a build, which is given its drop by variables, the publisher of drops; else the command. */
function main(args: readonly string[]): Promise<number> {
  const { SERVICE_NAME, DROP_KEY, ECS_SOURCE, CODEBUILD_BUILD_ID } = process.env;
  const isBuild = (SERVICE_NAME ?? DROP_KEY ?? ECS_SOURCE ?? CODEBUILD_BUILD_ID) !== undefined;
  if (args.length > 0 || !isBuild) {
    const { publishCommand } = require("../../core/publish/command") as typeof import("../../core/publish/command");
    return publishCommand(args);
  }
  const { publisherProgram } = require("../../core/publish/program") as typeof import("../../core/publish/program");
  const { publishDrop } =
    require("../../core/publish/publish-drop") as typeof import("../../core/publish/publish-drop");
  return publisherProgram(async (options) => [await publishDrop(options)]);
}
/* eslint-enable @typescript-eslint/no-require-imports */

run(() => main(process.argv.slice(2)));

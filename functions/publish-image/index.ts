import { availableParallelism } from "node:os";

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

// A connection that hangs must not keep a build that is over. Nothing is lost: on Linux, pipes and files are written at once
// (https://nodejs.org/api/process.html#a-note-on-process-io).
void main(process.argv.slice(2)).then((code) => process.exit(code));

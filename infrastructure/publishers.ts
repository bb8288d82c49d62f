import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PipelineConfig } from "../config/schema";
import type { FunctionName } from "./bundle";

interface Publisher {
  /** What its buildspec calls, `<program>.js` at the root of the tools zip. */
  readonly program: FunctionName;
  /** A file of buildspecs/. */
  readonly buildspec: string;
  /** Without it no docker daemon runs inside a build. https://docs.aws.amazon.com/codebuild/latest/userguide/create-project.html */
  readonly privileged: boolean;
}

/** The ways from the archive to the registry. */
export const PUBLISHERS: Readonly<Record<PipelineConfig["publisher"], Publisher>> = {
  stream: { program: "publish-image", buildspec: "stream.yml", privileged: false },
  docker: { program: "fetch-image", buildspec: "docker.yml", privileged: true },
};

export function readBuildspec(name: string): string {
  return readFileSync(join(__dirname, "..", "buildspecs", name), "utf8");
}

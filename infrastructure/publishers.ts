import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PipelineConfig } from "../config/schema";
import type { BundleName } from "./bundle";

interface Publisher {
  /** At the root of the tools zip, each as `<name>.js`: what its buildspec calls, and what that loads. */
  readonly bundles: readonly BundleName[];
  /** A file of buildspecs/. */
  readonly buildspec: string;
  /** Without it no docker daemon runs inside a build. https://docs.aws.amazon.com/codebuild/latest/userguide/create-project.html */
  readonly privileged: boolean;
}

/** The ways from the archive to the registry. */
export const PUBLISHERS: Readonly<Record<PipelineConfig["publisher"], Publisher>> = {
  stream: { bundles: ["publish-image", "aws-sdk"], buildspec: "stream.yml", privileged: false },
  docker: { bundles: ["fetch-image"], buildspec: "docker.yml", privileged: true },
};

export function readBuildspec(name: string): string {
  return readFileSync(join(__dirname, "..", "buildspecs", name), "utf8");
}

import type { ProjectEnvironment } from "@aws-sdk/client-codebuild";
import { InvalidInputException } from "./errors";

/** An image of CodeBuild's own: https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html */
const isCurated = (image: string) => image.startsWith("aws/codebuild/");

const LINUX_TYPES = ["LINUX_CONTAINER", "ARM_CONTAINER", "LINUX_LAMBDA_CONTAINER", "ARM_LAMBDA_CONTAINER"];

/** The words are AWS's: https://github.com/aws/aws-codebuild-docker-images/issues/509 */
export function checkImage(environment: Partial<ProjectEnvironment> | undefined): void {
  const { image = "", type = "", computeType = "" } = environment ?? {};
  if (!isCurated(image) || !LINUX_TYPES.includes(type)) return;
  const made = `${image.includes("aarch64") ? "ARM" : "LINUX"}${image.includes("-lambda-") ? "_LAMBDA" : ""}_CONTAINER`;
  if (made === type) return;
  throw new InvalidInputException(
    `AWS CodeBuild curated image ${image} is not supported for projects with environment type ${type} and compute type ${computeType}`,
  );
}

/** Images of one's own take no runtime versions: https://docs.aws.amazon.com/codebuild/latest/userguide/runtime-versions.html */
export function selectsRuntimes(environment: Partial<ProjectEnvironment> | undefined): boolean {
  return isCurated(environment?.image ?? "");
}

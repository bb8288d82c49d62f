import { names } from "../names";
import type { PipelineConfig } from "../schema";
import type { Place } from "./place";
import type { Statement } from "./statement";

/**
 * Key of the zip that builds run, whatever the publisher: another key would be another object, and with the old one its versions would go,
 * which queued builds wait for.
 */
export function toolsKey({ prefix }: PipelineConfig["tools"]): string {
  return `${prefix}publish-image.zip`;
}

/** Lets a build download that zip. https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html */
export function mayReadTools({ name, tools }: Pick<PipelineConfig, "name" | "tools">, place: Place): Statement[] {
  const bucketArn = place.bucketArn(tools.existing ?? names(name).toolsBucket(place.account, place.region));
  return [
    {
      Sid: "ReadTools",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:GetObjectVersion"],
      Resource: `${bucketArn}/${toolsKey(tools)}`,
    },
    {
      Sid: "IdentifyToolsBucket",
      Effect: "Allow",
      Action: ["s3:GetBucketAcl", "s3:GetBucketLocation"],
      Resource: bucketArn,
    },
  ];
}

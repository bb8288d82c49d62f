import { readFileSync } from "node:fs";
import { join } from "node:path";
import { S3Object } from "@cdktf/provider-aws/lib/s3-object";
import { Construct } from "constructs";
import { names } from "../config/names";
import type { PipelineConfig } from "../config/schema";
import { bundleFunction } from "./bundle";
import { Package } from "./packaging";
import type { Statement } from "./policies";
import { PrivateBucket } from "./private-bucket";
import type { Surroundings } from "./surroundings";

/** Name of the buildspec at the root of the tools zip. */
export const BUILDSPEC = "buildspec.yml";

const PREFIX = "publish-image/";

export interface ToolsProps {
  readonly config: PipelineConfig;
  readonly surroundings: Surroundings;
}

/** What builds run: the publisher and its buildspec, in a zip that is the source of every project, in a bucket of its own. */
export class Tools extends Construct {
  /** `<bucket>/<key>`, as CodeBuild writes a source in S3. */
  readonly location: string;
  /** Lets a build download the zip. */
  readonly permissions: readonly Statement[];

  constructor(scope: Construct, id: string, { config, surroundings }: ToolsProps) {
    super(scope, id);
    const { bucket } = new PrivateBucket(this, "private", {
      name: names(config.name).toolsBucket(surroundings.account, surroundings.region),
    });
    const tools = new Package(this, "publish-image", { packaging: config.packaging, files: renderFiles() });
    const object = new S3Object(this, "object", {
      bucket: bucket.id,
      // Named by its content: a project never runs anything but what it was applied with.
      key: `${PREFIX}${tools.sha256}.zip`,
      source: tools.path,
      contentType: "application/zip",
      // An object takes 10 tags, every other resource 50. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
      overrideProvider: { defaultTags: { tags: {} } },
      // The old zip goes when no project names it any more.
      lifecycle: { createBeforeDestroy: true },
    });
    this.location = `${bucket.bucket}/${object.key}`;
    this.permissions = renderPermissions(bucket.arn);
  }
}

function renderFiles() {
  return {
    "publish-image.js": bundleFunction("publish-image"),
    [BUILDSPEC]: readFileSync(join(__dirname, "..", "buildspecs", "stream.yml")),
  };
}

/** https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html */
function renderPermissions(bucketArn: string): readonly Statement[] {
  return [
    {
      Sid: "ReadTools",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:GetObjectVersion"],
      // Any zip under the prefix, so that new tools change no policy under a running build. Only the deployer writes there.
      Resource: `${bucketArn}/${PREFIX}*`,
    },
    {
      Sid: "IdentifyToolsBucket",
      Effect: "Allow",
      Action: ["s3:GetBucketAcl", "s3:GetBucketLocation"],
      Resource: bucketArn,
    },
  ];
}

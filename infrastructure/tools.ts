import { S3Object } from "@cdktf/provider-aws/lib/s3-object";
import type { ITerraformDependable, Postcondition } from "cdktf";
import { Construct } from "constructs";
import { names } from "../config/names";
import { toolsKey } from "../config/policies/tools";
import type { PipelineConfig } from "../config/schema";
import { accept } from "./accept";
import { bundleOf } from "./bundle";
import { Package } from "./packaging";
import { PrivateBucket } from "./private-bucket";
import { PUBLISHERS, readBuildspec } from "./publishers";
import type { Surroundings } from "./surroundings";

/** Name of the buildspec at the root of the tools zip. */
export const BUILDSPEC = "buildspec.yml";

/**
 * Days that a replaced zip stays for builds that were started with it: a build waits for a machine for 8 hours and runs for 36 at
 * most, the rest is for retrying it. https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
 */
const REPLACED_TOOLS_EXPIRE_AFTER_DAYS = 7;

export interface ToolsProps {
  readonly config: PipelineConfig;
  readonly surroundings: Surroundings;
}

/** What builds run: the publisher and its buildspec, in a zip that is the source of every project, in a bucket of its own. */
export class Tools extends Construct {
  /** `<bucket>/<key>`, as CodeBuild writes a source in S3. */
  readonly location: string;
  /** The version of the zip that this configuration was made with. */
  readonly version: string;

  constructor(scope: Construct, id: string, { config, surroundings }: ToolsProps) {
    super(scope, id);
    const { bucket, ready, key } = this.#bucket(config, surroundings);
    const tools = new Package(this, "publish-image", { packaging: config.packaging, files: renderFiles(config) });
    const object = new S3Object(this, "object", {
      bucket,
      key: toolsKey(config.tools),
      source: tools.path,
      // New content is a new version. (The etag of what KMS encrypts is no digest of it, and every plan would find another one.
      // https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html)
      sourceHash: key === undefined ? tools.md5 : `${tools.md5} ${key}`,
      contentType: "application/zip",
      // An object takes 10 tags, every other resource 50. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
      overrideProvider: { defaultTags: { tags: {} } },
      dependsOn: [...ready],
      ...(config.tools.existing !== undefined && {
        lifecycle: { postcondition: [renderVersioned(config.tools.existing)] },
      }),
    });
    this.location = `${bucket}/${object.key}`;
    this.version = object.versionId;
  }

  #bucket({ name, tools, encryption }: PipelineConfig, surroundings: Surroundings): ToolsBucket {
    if (tools.existing !== undefined) {
      return { bucket: tools.existing, ready: [] };
    }
    const {
      bucket,
      versioning,
      encryption: encrypted,
    } = new PrivateBucket(this, "private", {
      name: names(name).toolsBucket(surroundings.account, surroundings.region),
      kmsKey: encryption.kmsKey,
      uploadsExpireAfterDays: 1,
      versionsExpireAfterDays: REPLACED_TOOLS_EXPIRE_AFTER_DAYS,
    });
    accept(bucket, "CKV2_AWS_62", "the deployer alone writes here, and builds name the version that they read");
    return { bucket: bucket.id, ready: [versioning, encrypted], key: encryption.kmsKey };
  }
}

interface ToolsBucket {
  /** Its name. */
  readonly bucket: string;
  /** ARN of the key by which it encrypts: a zip that lies there under another one is uploaded again. @default - not ours to know, or S3's */
  readonly key?: string | undefined;
  /** What must be there before an object. */
  readonly ready: readonly ITerraformDependable[];
}

/** Projects name the version that they were made with (docs/decisions/0006-tools-zip.md). */
function renderVersioned(bucket: string): Postcondition {
  return {
    condition: '${self.version_id != "" && self.version_id != "null"}',
    errorMessage: `The bucket ${bucket} keeps no versions, so builds could not name the version of the publisher that they were made with: switch versioning on there, or leave tools out of the configuration for a bucket of the pipeline's own.`,
  };
}

function renderFiles({ publisher }: PipelineConfig) {
  const { bundles, buildspec } = PUBLISHERS[publisher];
  const programs = Object.fromEntries(bundles.map((name) => [`${name}.js`, bundleOf(name)]));
  return { ...programs, [BUILDSPEC]: Buffer.from(readBuildspec(buildspec)) };
}

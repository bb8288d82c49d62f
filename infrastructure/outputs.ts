import type { DropBucket } from "./drop-bucket";
import type { ForOthers } from "./for-others";
import type { Service } from "./service";
import type { TriggerOutputs } from "./triggers/trigger";

/** By name; docs/outputs.md is what others may rely on. */
export type Outputs = TriggerOutputs;

/** The name of the one output that holds a value for each service. */
export const REPOSITORY_URLS = "repository_urls";

/** What a pipeline's outputs are made of. */
interface Told {
  readonly bucket: DropBucket;
  readonly trigger: { readonly outputs: TriggerOutputs };
  readonly buildLogs: { readonly name: string };
  readonly services: ReadonlyMap<string, Service>;
  readonly forOthers: ForOthers;
}

export function pipelineOutputs({ bucket, trigger, buildLogs, services, forOthers }: Told): Outputs {
  const repositories = [...services].map(([name, { repositoryUrl }]) => [name, repositoryUrl]);
  return {
    bucket: { value: bucket.name, description: "The bucket that drops go to" },
    ...trigger.outputs,
    build_log_group: {
      value: buildLogs.name,
      description: "Logs of all builds, a stream per build: <service>/<build id>",
    },
    [REPOSITORY_URLS]: { value: Object.fromEntries(repositories), description: "The repository of each service" },
    ...(bucket.ownerMustAdd !== undefined && {
      bucket_owner_must_add: {
        value: bucket.ownerMustAdd,
        description:
          "Lines that the bucket's owner has to add to its aws_s3_bucket_notification, unless it reports there already",
      },
    }),
    ...(Object.keys(forOthers.parts).length > 0 && {
      for_others: {
        value: forOthers.parts,
        description: "Policies that owners of what is not the pipeline's have to attach, by whose part it is",
      },
    }),
  };
}

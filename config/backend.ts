import { posix } from "node:path";
import * as z from "zod";
import * as field from "./fields";
import { hasUnknownKey } from "./findings";
import * as identifier from "./identifiers";
import * as limits from "./limits";

/** Where Terraform keeps the state, with every default filled in. */
export type BackendConfig =
  | {
      readonly kind: "s3";
      readonly bucket: string;
      readonly key: string;
      readonly region: string;
      /** A file beside the state locks it. */
      readonly lockfile: boolean;
      /** ARN of the key that encrypts the state; absent leaves it to the bucket. */
      readonly kmsKey?: string;
      /** ARN of the role that reads and writes the state. */
      readonly assumeRole?: string;
      readonly workspaceKeyPrefix?: string;
      readonly profile?: string;
    }
  | CloudBackendConfig
  /** `path` is relative to the project's folder, the one that holds cdktf.out. */
  | { readonly kind: "local"; readonly path: string };

export interface CloudBackendConfig {
  readonly kind: "cloud";
  readonly hostname: string;
  readonly organization: string;
  /** One workspace by its name, or those that carry all of these tags. */
  readonly workspaces: { readonly name: string } | { readonly tags: readonly string[] };
  readonly project?: string;
  /** Runs are started by commits, so that nothing of ours runs between plan and apply. */
  readonly vcs: boolean;
}

const s3 = z
  .strictObject({
    bucket: field.bucketName.meta({
      description: "Bucket that holds the state; must exist: npm run bootstrap-state -- --bucket NAME makes one.",
    }),
    region: field.region.meta({ description: "Region of that bucket. Default: the pipeline's." }).optional(),
    key: field.stateKey.meta({ description: "Object key of the state. Default: <pipeline>.tfstate" }).optional(),
    lockfile: z
      .boolean()
      .meta({
        description:
          "Lock the state by a file beside it; false only for a store that is like S3 and knows no conditional writes.",
      })
      .default(true),
    kmsKey: field.stateKmsKeyArn
      .meta({
        description: "ARN of the KMS key that encrypts the state, whatever the bucket says. Default: S3's own keys.",
      })
      .optional(),
    assumeRole: identifier.roleArn
      .meta({ description: "ARN of the role that reads and writes the state. Default: whoever runs Terraform." })
      .optional(),
    workspaceKeyPrefix: field.stateKey
      .meta({
        description:
          "Begins the keys of the states of other workspaces than default: <prefix>/<workspace>/<key>. Default: env:",
      })
      .optional(),
    profile: field.profile
      .meta({ description: "Profile of AWS's configuration files that reads and writes the state." })
      .optional(),
  })
  .meta({ description: "State in S3, locked by a lock file beside it (Terraform 1.11 or newer, OpenTofu 1.10)." });

const cloud = z
  .strictObject({
    organization: field.cloudOrganization.meta({ description: "Organisation in HCP Terraform." }),
    workspace: field.cloudWorkspace
      .meta({ description: "Workspace of this pipeline. Default: the pipeline's name." })
      .optional(),
    tags: z
      .array(field.cloudTag)
      .min(1, "must list at least one tag")
      .max(limits.CLOUD_TAGS.max, `must list at most ${limits.CLOUD_TAGS.max} tags`)
      .meta({ description: "Instead of workspace: the tags of the workspaces that TF_WORKSPACE chooses from." })
      .optional(),
    project: field.cloudProject
      .meta({ description: "Project that the workspace is made in. Default: the organisation's." })
      .optional(),
    hostname: field.hostname
      .default("app.terraform.io")
      .meta({ description: "Host of HCP Terraform or Terraform Enterprise." }),
    vcs: z
      .boolean()
      .meta({
        description:
          "Commits start the runs, by the workspace's own connection to the repository; false: cdktf or Terraform on some machine does.",
      })
      .default(false),
    lockfile: z
      .never({ error: "must not stand beside cloud, which locks its workspaces itself: leave it out" })
      .meta({ description: "Refused: the workspace itself is locked." })
      .optional(),
  })
  .check((context) => {
    const { workspace, tags } = context.value;
    if (workspace === undefined || tags === undefined) return;
    const message = "must not stand beside workspace: name one, or choose among those that carry the tags";
    context.issues.push({ code: "custom", path: ["tags"], message, input: tags });
  })
  .meta({ not: { required: ["workspace", "tags"] }, description: "State and runs in HCP Terraform." });

const EMPTY_RULE = "must be a mapping, which may be empty: write { local: {} }";

export const backendSchema = z
  .strictObject(
    {
      s3: s3.optional(),
      cloud: cloud.optional(),
      local: z
        .strictObject(
          {
            path: field.relativePath
              .meta({
                description: "State file, relative to the project's folder. Default: terraform.<pipeline>.tfstate",
              })
              .optional(),
          },
          { error: ({ code, input }) => (code === "invalid_type" && input !== undefined ? EMPTY_RULE : undefined) },
        )
        .meta({ description: "State in a file of this machine, for trying out." })
        .optional(),
    },
    {
      error: ({ code, input }) =>
        code === "invalid_type" && input === "local" ? "must be a mapping: write { local: {} }" : undefined,
    },
  )
  .check((context) => {
    const { s3: inS3, cloud: inCloud, local: inFile } = context.value;
    const kinds = [inS3, inCloud, inFile].filter((kind) => kind !== undefined);
    if (kinds.length === 1 || hasUnknownKey(context)) return;
    const message = "must have exactly one of s3, cloud and local";
    context.issues.push({ code: "custom", message, input: context.value });
  })
  .meta({
    description: "Where Terraform keeps the state: exactly one of s3, cloud and local.",
    minProperties: 1,
    maxProperties: 1,
  });

/** What a backend takes from its pipeline. */
interface Written {
  readonly name: string;
  readonly region: string;
  readonly backend: z.output<typeof backendSchema>;
}

export function resolveBackend({ name, region, backend }: Written): BackendConfig {
  if (backend.s3) {
    const { key = `${name}.tfstate`, region: own = region, ...rest } = backend.s3;
    return { kind: "s3", ...withoutAbsent({ ...rest, key, region: own }) };
  }
  if (backend.cloud) {
    const { hostname, organization, workspace = name, tags, project, vcs } = backend.cloud;
    const workspaces = tags === undefined ? { name: workspace } : { tags };
    return { kind: "cloud", ...withoutAbsent({ hostname, organization, workspaces, project, vcs }) };
  }
  return { kind: "local", path: backend.local?.path ?? `terraform.${name}.tfstate` };
}

/** What tells one state from another. */
export function stateOf(backend: BackendConfig): string {
  if (backend.kind === "s3") return `s3://${backend.bucket}/${backend.key}`;
  if (backend.kind === "local") return posix.normalize(backend.path);
  const { hostname, organization, workspaces } = backend;
  const chosen = "name" in workspaces ? workspaces.name : `tags ${workspaces.tags.toSorted().join(", ")}`;
  return `${hostname}/${organization}/${chosen}`;
}

/** The same without the keys whose value is undefined: an option that is left out is not there. */
function withoutAbsent<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).filter(([, each]) => each !== undefined),
  ) as T;
}

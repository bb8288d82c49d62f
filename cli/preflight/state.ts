import { GetBucketVersioningCommand, GetObjectCommand } from "@aws-sdk/client-s3";
import type { Finding } from "../../config/findings";
import type { PipelineConfig } from "../../config/schema";
import { type Access, type BucketSight, lookAt, s3Client, unlessMissing } from "./account";
import type { Report } from "./report";
import { asRole } from "./role";

type S3Backend = Extract<PipelineConfig["backend"], { readonly kind: "s3" }>;

/** The name that Terraform gives to the default workspace's absence. https://developer.hashicorp.com/terraform/cli/config/environment-variables#tf_workspace */
const workspace = () => process.env.TF_WORKSPACE ?? "default";

const UNUSABLE: Readonly<Record<Exclude<BucketSight, "there">, (bucket: string, region: string) => string>> = {
  missing: (bucket, region) => `must exist: run npm run bootstrap-state -- --bucket ${bucket} --region ${region}`,
  forbidden: () => "must be yours to read, and these credentials may not: take others, or backend.s3.assumeRole",
  elsewhere: (_, region) => `must lie in ${region}: write its own region beside it`,
};

/** Whether the state's bucket is there and versioned, and who holds the lock. */
export async function checkState({ backend }: PipelineConfig): Promise<Report> {
  if (backend.kind !== "s3") return { errors: [], notes: [] };
  const { region, profile, assumeRole } = backend;
  const role = assumeRole === undefined ? undefined : { roleArn: assumeRole };
  const place = {
    path: ["backend", "s3", "assumeRole"],
    region,
    ...(profile !== undefined && { access: { profile } }),
  };
  return asRole(role, place, (access) => checkStateBucket(backend, access));
}

async function checkStateBucket(backend: S3Backend, access: Access | undefined): Promise<Report> {
  const { bucket, region } = backend;
  const at = (rule: string): Finding => ({ path: ["backend", "s3", "bucket"], rule, value: bucket });
  const s3 = s3Client(region, access);
  try {
    const sight = await lookAt(s3, bucket);
    if (sight !== "there") return { errors: [at(UNUSABLE[sight](bucket, region))], notes: [] };
    const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket: bucket }));
    const notes =
      Status === "Enabled"
        ? []
        : [
            at(
              `should be versioned, so that a lost state can be had back: npm run bootstrap-state -- --bucket ${bucket}`,
            ),
          ];
    const key = stateKey(backend);
    const asked = s3.send(new GetObjectCommand({ Bucket: bucket, Key: `${key}.tflock` }));
    const lock = await unlessMissing(asked, "NoSuchKey");
    const text = await lock?.Body?.transformToString();
    return { errors: text === undefined ? [] : [{ path: ["backend", "s3"], rule: describeLock(text) }], notes };
  } finally {
    s3.destroy();
  }
}

/** https://developer.hashicorp.com/terraform/language/backend/s3#workspace_key_prefix */
function stateKey({
  key,
  workspaceKeyPrefix = "env:",
}: {
  readonly key: string;
  readonly workspaceKeyPrefix?: string;
}) {
  const current = workspace();
  return current === "default" ? key : `${workspaceKeyPrefix}/${current}/${key}`;
}

/** What Terraform writes into its lock file. */
interface Lock {
  readonly ID?: string;
  readonly Operation?: string;
  readonly Who?: string;
  readonly Created?: string;
}

function describeLock(text: string): string {
  const {
    ID = "unknown",
    Operation = "an operation",
    Who = "somebody",
    Created = "unknown",
  } = JSON.parse(text) as Lock;
  const what = Operation.replace(/^OperationType/, "").toLowerCase();
  return `is locked by ${Who}, for ${what}, since ${Created}: wait until that run has ended; where it was killed, run terraform force-unlock ${ID} in the stack's folder, then the preflight again`;
}

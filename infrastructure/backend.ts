import { posix } from "node:path";
import {
  CloudBackend,
  LocalBackend,
  NamedCloudWorkspace,
  S3Backend,
  TaggedCloudWorkspaces,
  type TerraformStack,
} from "cdktf";
import type { BackendConfig } from "../config/backend";
import { literal } from "./policies";

/** From the folder that Terraform runs in (cdktf.out/stacks/<stack>) to the one that holds cdktf.out. */
const PROJECT_FOLDER = "../../..";

/** Where Terraform keeps the stack's state. */
export function addBackend(stack: TerraformStack, config: BackendConfig): void {
  switch (config.kind) {
    case "s3":
      addS3Backend(stack, config);
      return;
    case "cloud": {
      const { hostname, organization, workspaces, project } = config;
      new CloudBackend(stack, {
        hostname,
        organization,
        workspaces:
          "name" in workspaces
            ? new NamedCloudWorkspace(workspaces.name, project)
            : new TaggedCloudWorkspaces([...workspaces.tags], project),
      });
      return;
    }
    case "local":
      // Without a path, cdktf writes this machine's into the JSON; inside the stack's folder, the state would go with cdktf.out.
      new LocalBackend(stack, { path: posix.join(PROJECT_FOLDER, literal(config.path)) });
  }
}

function addS3Backend(stack: TerraformStack, config: Extract<BackendConfig, { readonly kind: "s3" }>): void {
  const { bucket, key, region, lockfile, kmsKey, assumeRole, workspaceKeyPrefix, profile } = config;
  const backend = new S3Backend(stack, {
    bucket,
    key: literal(key),
    region,
    encrypt: true,
    kmsKeyId: kmsKey,
    assumeRole: assumeRole === undefined ? undefined : { roleArn: assumeRole },
    workspaceKeyPrefix: workspaceKeyPrefix === undefined ? undefined : literal(workspaceKeyPrefix),
    profile,
  });
  // Locks by a file beside the state. Newer than the bindings.
  // https://developer.hashicorp.com/terraform/language/backend/s3#state-locking
  if (lockfile) backend.addOverride("use_lockfile", true);
}

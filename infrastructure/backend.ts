import { posix } from "node:path";
import { CloudBackend, LocalBackend, NamedCloudWorkspace, S3Backend, type TerraformStack } from "cdktf";
import type { BackendConfig } from "../config/schema";
import { literal } from "./policies";

/** From the folder that Terraform runs in (cdktf.out/stacks/<stack>) to the one that holds cdktf.out. */
const PROJECT_FOLDER = "../../..";

/** Where Terraform keeps the stack's state. */
export function addBackend(stack: TerraformStack, config: BackendConfig): void {
  switch (config.kind) {
    case "s3": {
      const { bucket, key, region } = config;
      const backend = new S3Backend(stack, { bucket, key: literal(key), region, encrypt: true });
      // Locks by a file beside the state. Newer than the bindings.
      // https://developer.hashicorp.com/terraform/language/backend/s3#state-locking
      backend.addOverride("use_lockfile", true);
      return;
    }
    case "cloud": {
      const { hostname, organization, workspace, project } = config;
      new CloudBackend(stack, { hostname, organization, workspaces: new NamedCloudWorkspace(workspace, project) });
      return;
    }
    case "local":
      // Without a path, cdktf writes this machine's into the JSON; inside the stack's folder, the state would go with cdktf.out.
      new LocalBackend(stack, { path: posix.join(PROJECT_FOLDER, literal(config.path)) });
  }
}

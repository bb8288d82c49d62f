import { ArchiveProvider } from "@cdktf/provider-archive/lib/provider";
import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import { TerraformOutput, TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import type { PipelineConfig } from "../config/schema";
import { PIPELINE_TAG } from "../config/tags";
import { addBackend } from "./backend";
import { CheckedPipeline } from "./pipeline";

/**
 * Native locking of the S3 backend came with 1.10 and stopped being called experimental with 1.11. The lower bound
 * stays at 1.10, because OpenTofu, which has had it since 1.10 too, compares it with its own version.
 * https://developer.hashicorp.com/terraform/language/upgrade-guides, https://opentofu.org/docs/language/settings/backends/s3/
 */
const TERRAFORM_VERSIONS = ">= 1.10.0, < 2.0.0";

/**
 * Short sources, so that Terraform and OpenTofu each take them from their own registry; the lower bound is the
 * bindings' version and comes first (config/provider-version.ts).
 */
const AWS_SOURCE = "hashicorp/aws";
const ARCHIVE_PROVIDER = { source: "hashicorp/archive", version: ">= 2.7.1, < 3.0.0" };

/** A pipeline as a stack of its own: provider, backend, outputs. */
export class PipelineStack extends TerraformStack {
  readonly pipeline: CheckedPipeline;

  constructor(scope: Construct, config: PipelineConfig) {
    super(scope, config.name);
    this.addOverride("terraform.required_version", TERRAFORM_VERSIONS);
    addBackend(this, config.backend);
    this.#addProviders(config);
    this.pipeline = new CheckedPipeline(this, "pipeline", config);
    this.#addOutputs();
  }

  #addProviders({ region, tags, name, packaging, provider, providerVersion }: PipelineConfig): void {
    const { assumeRole, allowedAccountIds } = provider;
    new AwsProvider(this, "aws", {
      region,
      ...(assumeRole && { assumeRole: [assumeRole] }),
      ...(allowedAccountIds.length > 0 && { allowedAccountIds: [...allowedAccountIds] }),
      defaultTags: [{ tags: { ...tags, [PIPELINE_TAG]: name } }],
    });
    this.addOverride("terraform.required_providers.aws", { source: AWS_SOURCE, version: providerVersion });
    if (packaging !== "archive") return;
    new ArchiveProvider(this, "archive");
    this.addOverride("terraform.required_providers.archive", ARCHIVE_PROVIDER);
  }

  #addOutputs(): void {
    for (const [name, { value, description }] of Object.entries(this.pipeline.outputs)) {
      new TerraformOutput(this, name, { value, description });
    }
  }
}

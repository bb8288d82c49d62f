import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import { TerraformStack, Token } from "cdktf";
import type { Construct } from "constructs";
import { ConfigError } from "../config/errors";
import type { PipelineInput } from "../config/schema";

/** What a stack has for all that is in it. */
const OF_THE_STACK = ["backend", "provider", "tags"] as const;

/**
 * A pipeline as `pipeline.yaml` has it (docs/configuration.md lists every option), without `backend`, `provider` and `tags`: they are the
 * business of the stack that it is put into. So is the version of its AWS provider; `providerVersion` says here which it is.
 */
export interface PipelineProps extends Omit<PipelineInput, "region" | (typeof OF_THE_STACK)[number]> {
  /** The region that the stack's AWS provider works in. @default - as that provider says */
  readonly region?: string;
}

/**
 * The pipeline as if a file said it.
 * @throws ConfigError where it says what the stack has to say.
 */
export function completeProps(scope: Construct, props: PipelineProps): PipelineInput {
  const strange = OF_THE_STACK.filter((option) => (props as Partial<PipelineInput>)[option] !== undefined);
  if (strange.length > 0) throw new ConfigError(strange.map((option) => ({ path: option, message: REMEDIES[option] })));
  const region = props.region ?? regionOf(TerraformStack.of(scope));
  if (region === undefined) throw new ConfigError([{ path: "region", message: NO_REGION }]);
  return { ...props, region };
}

const REMEDIES: Readonly<Record<(typeof OF_THE_STACK)[number], string>> = {
  backend: "must not be given to a pipeline inside a stack: give the stack a backend, or take PipelineStack",
  provider: "must not be given to a pipeline inside a stack: say it to the stack's AwsProvider, or take PipelineStack",
  tags: "must not be given to a pipeline inside a stack: give the stack's AwsProvider default tags, or take PipelineStack",
};

const NO_REGION =
  "is required: give it here, or create the stack's AwsProvider, without an alias and with a region, before the pipeline; where that is done, look for a second copy of cdktf or the provider (npm ls cdktf @cdktf/provider-aws)";

/** As far as it can be told now; a Terraform expression has no value yet. */
function regionOf(stack: TerraformStack): string | undefined {
  const provider = stack.node.findAll().find((child) => child instanceof AwsProvider && child.alias === undefined);
  const region = (provider as AwsProvider | undefined)?.regionInput;
  return Token.isUnresolved(region) ? undefined : region;
}

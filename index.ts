/**
 * The constructs, for a CDKTF app of one's own: {@link Pipeline} inside a stack that you have, {@link PipelineStack} as a stack of its
 * own. The configuration alone, without CDKTF, is `s3-codebuild-trigger/config`.
 *
 * @module s3-codebuild-trigger
 */
export { CheckedPipeline, Pipeline } from "./infrastructure/pipeline";
export type { PipelineProps } from "./infrastructure/pipeline-props";
export { PipelineStack } from "./infrastructure/stack";
export type { ResourceType } from "./infrastructure/resources";
export { Service } from "./infrastructure/service";
export type { DropBucket } from "./infrastructure/drop-bucket";
export type { LogGroup } from "./infrastructure/log-group";
export type { Outputs } from "./infrastructure/outputs";
export type { Trigger, TriggerOutputs } from "./infrastructure/triggers/trigger";
export { accept, type Check } from "./infrastructure/accept";
export { ResourceNotFoundError } from "./infrastructure/errors";
export { ConfigError } from "./config/errors";
export { loadPipelines } from "./config/load";
export { parsePipeline } from "./config/parse";
export type { PipelineConfig, PipelineInput, ServiceConfig } from "./config/schema";

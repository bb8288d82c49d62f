/**
 * The configuration without CDKTF: reading, checking and filling in defaults.
 *
 * @module config
 */
export { ConfigError, type Problem } from "./errors";
export { jsonSchema } from "./json-schema";
export { loadPipelines, type LoadedPipelines } from "./load";
export { parsePipeline } from "./parse";
export type { BackendConfig, CloudBackendConfig } from "./backend";
export type { ToolsConfig } from "./existing";
export type { OutputsConfig } from "./outputs";
export type { ProviderConfig } from "./provider";
export type { RolesConfig } from "./roles";
export type { VpcConfig } from "./vpc";
export type {
  BucketConfig,
  LogsConfig,
  PipelineConfig,
  PipelineInput,
  RepositoriesConfig,
  ServiceConfig,
} from "./schema";
export type { ComputeConfig } from "./compute";
export type { StreamConfig } from "./stream";
export type { TriggerConfig } from "./trigger";

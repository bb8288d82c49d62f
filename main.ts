import { join, relative } from "node:path";
import { App } from "cdktf";
import { ConfigError } from "./config/errors";
import { loadPipelines } from "./config/load";
import { PipelineStack } from "./infrastructure/stack";

/** Synthesises one Terraform stack per pipeline of the file into cdktf.out. */
function synthesise(file: string): void {
  const { pipelines, warnings } = loadPipelines(file);
  for (const warning of warnings) console.error(`warning: ${warning}`);
  // Stack traces would carry the paths of this machine into the JSON.
  const app = new App({ stackTraces: false });
  for (const pipeline of pipelines) new PipelineStack(app, pipeline);
  app.synth();
}

// cdktf takes a stack trace for each reference; mapping them all to TypeScript would cost a third of the whole synthesis.
process.setSourceMapsEnabled(false);
try {
  // Relative, as people write it: messages begin with it.
  synthesise(process.env.PIPELINE_FILE ?? relative(process.cwd(), join(__dirname, "pipeline.yaml")));
} catch (error) {
  process.setSourceMapsEnabled(true);
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

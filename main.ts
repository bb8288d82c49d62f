import { mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { ConfigError } from "./config/errors";
import { loadPipelines } from "./config/load";

/** Synthesises one Terraform stack per pipeline of the file into cdktf.out. */
function synthesise(file: string): void {
  const { pipelines, warnings } = loadPipelines(file);
  for (const warning of warnings) console.error(`warning: ${warning}`);
  // cdktf takes longer to load than the file to read: what is wrong with the file is told before.
  /* eslint-disable @typescript-eslint/no-require-imports -- an import would be loaded first */
  const { App } = require("cdktf") as typeof import("cdktf");
  const { PipelineStack } = require("./infrastructure/stack") as typeof import("./infrastructure/stack");
  /* eslint-enable @typescript-eslint/no-require-imports */
  // cdktf makes the last folder of the path only.
  if (process.env.CDKTF_OUTDIR !== undefined) mkdirSync(process.env.CDKTF_OUTDIR, { recursive: true });
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

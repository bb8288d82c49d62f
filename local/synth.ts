import { spawn } from "node:child_process";
import { join } from "node:path";

export interface SynthOptions {
  /** The folder that holds main.ts and cdktf.json. */
  readonly projectDirectory: string;
  /** Relative to the project's folder, or absolute. */
  readonly pipelineFile: string;
  /** Where the stacks are written. @default `cdktf.out` in the project's folder */
  readonly output?: string;
}

/** Synthesises with the cdktf command, as a user would. Its chatter is shown only when it fails. */
export async function synthesise({
  projectDirectory,
  pipelineFile,
  output = "cdktf.out",
}: SynthOptions): Promise<void> {
  const cdktf = join(projectDirectory, "node_modules", ".bin", "cdktf");
  const child = spawn(cdktf, ["synth", "--output", output], {
    cwd: projectDirectory,
    env: { ...process.env, PIPELINE_FILE: pipelineFile, CHECKPOINT_DISABLE: "1", CI: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => said.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  if (code !== 0)
    throw new Error(`cdktf synth ended with exit code ${code ?? "none"}:\n${Buffer.concat(said).toString()}`);
}

/** The folder of a synthesised stack, where Terraform runs. */
export function stackDirectory(output: string, pipeline: string): string {
  return join(output, "stacks", pipeline);
}

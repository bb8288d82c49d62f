import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, formatProblem } from "../../config/errors";
import { type LoadedPipelines, loadPipelines } from "../../config/load";
import { parsePipeline } from "../../config/parse";
import type { PipelineInput } from "../../config/schema";

/** The least that a pipeline needs, and what the test is about. */
export function pipeline(options: Readonly<Record<string, unknown>> = {}): PipelineInput {
  return { name: "images", region: "us-east-1", bucket: "image-drops", services: ["api"], ...options };
}

/** A pipeline of one service. */
export function service(options: Readonly<Record<string, unknown>>): PipelineInput {
  return pipeline({ services: [{ name: "api", ...options }] });
}

/** What a library user is told, a line for each problem; none where the input is accepted. */
export function problemsOf(input: unknown): string[] {
  return linesOf(() => parsePipeline(input as PipelineInput));
}

/** Loads a text as the file `pipeline.yaml`. */
export function loadText(text: string | Uint8Array): LoadedPipelines {
  return inFile(text, loadPipelines);
}

/** What the loader says about a text as `pipeline.yaml`, a line for each problem; none where it is accepted. */
export function loadProblems(text: string | Uint8Array): string[] {
  return inFile(text, (file) => linesOf(() => loadPipelines(file)).map((line) => line.replace(file, "pipeline.yaml")));
}

/** The tests of a file share it. */
const folder = mkdtempSync(join(tmpdir(), "config-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function inFile<Result>(text: string | Uint8Array, use: (file: string) => Result): Result {
  const file = join(folder, "pipeline.yaml");
  writeFileSync(file, text);
  return use(file);
}

function linesOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

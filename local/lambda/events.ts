import type { FunctionError } from "./environment";

/** What happens while functions run, for whoever shows or records it. */
export type LambdaEvent =
  | {
      readonly type: "mapping-started" | "mapping-stopped";
      readonly mapping: string;
      readonly queueArn: string;
      readonly functionArn: string;
    }
  | { readonly type: "batch-received"; readonly mapping: string; readonly messageIds: readonly string[] }
  | {
      readonly type: "batch-finished";
      readonly mapping: string;
      readonly deleted: readonly string[];
      /** Back in the queue after its visibility timeout. */
      readonly failed: readonly string[];
    }
  | {
      readonly type: "invocation-started";
      readonly functionName: string;
      readonly requestId: string;
      readonly coldStart: boolean;
    }
  | { readonly type: "log"; readonly functionName: string; readonly line: string }
  | {
      readonly type: "invocation-finished";
      readonly functionName: string;
      readonly requestId: string;
      readonly durationMs: number;
      /** Absent where the handler returned. */
      readonly error?: FunctionError;
    }
  /** Something that the applied configuration asks for cannot be done, or AWS's API failed. */
  | { readonly type: "problem"; readonly error: Error };

export type OnLambdaEvent = (event: LambdaEvent) => void;

/** What happens to builds, for whoever shows progress. */
export type BuildEvent =
  | { readonly type: "build-started"; readonly buildId: string; readonly logFile: string }
  | { readonly type: "phase-started"; readonly buildId: string; readonly phase: string }
  | {
      readonly type: "phase-ended";
      readonly buildId: string;
      readonly phase: string;
      readonly status: string;
      /** Why it did not succeed. */
      readonly message?: string;
    }
  | { readonly type: "build-ended"; readonly buildId: string; readonly status: string; readonly logFile: string };

import type { Steps } from "./steps";
import type { StackTerraform } from "./terraform/run";

/** The last run failed, so that what the others made is still there. */
export class LeftBehindError extends Error {
  override readonly name = "LeftBehindError";

  constructor(workspace: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      `${reason}\n\nWhat was made may still be there, for destroy failed: the workspace ${workspace} is kept with its state; start a run that destroys there, then delete it`,
      { cause },
    );
  }
}

/** A stack of one throw-away workspace. */
export interface CloudStack {
  readonly workspace: string;
  readonly terraform: Pick<StackTerraform, "init" | "planRemotely" | "applyRemotely" | "output" | "destroy">;
  /** Writes the stack for these services. */
  synthesise(services: readonly string[]): Promise<void>;
}

/**
 * Plan, apply, a change of what the function knows, outputs, a plan without changes and destroy, each as a run of the workspace.
 *
 * @throws LeftBehindError where it was not destroyed; otherwise whatever failed first
 */
export async function proveRuns(steps: Steps, stack: CloudStack): Promise<void> {
  const { terraform, workspace } = stack;
  await steps.complete("terraform init", () => terraform.init());
  const [proof] = await Promise.allSettled([prove(steps, stack)]);
  try {
    await steps.cleanUp("destroy", () => terraform.destroy());
  } catch (error) {
    throw new LeftBehindError(workspace, proof.status === "rejected" ? proof.reason : error);
  }
  if (proof.status === "rejected") throw proof.reason;
}

async function prove(steps: Steps, stack: CloudStack): Promise<void> {
  const { terraform } = stack;
  await steps.complete(
    "plan",
    () => terraform.planRemotely(),
    expectSummary(/^Plan: \d+ to add, 0 to change, 0 to destroy\.$/),
  );
  await steps.complete(
    "apply",
    () => terraform.applyRemotely(),
    expectSummary(/^Apply complete! Resources: \d+ added, 0 changed, 0 destroyed\.$/),
  );
  await steps.run("change the code: cdktf synth", () => stack.synthesise(["api", "web"]));
  await steps.complete(
    "apply the changed code",
    () => terraform.applyRemotely(),
    expectSummary(/^Apply complete! Resources: \d+ added, [1-9]\d* changed, 0 destroyed\.$/),
  );
  const { repository_urls: urls } = await steps.run("outputs", () => terraform.output());
  const found = Object.keys(urls as object)
    .toSorted()
    .join();
  if (found !== "api,web") throw new Error(`repository_urls: found ${found}, expected api,web`);
  await steps.complete("plan again", () => terraform.planRemotely(), expectSummary(/^No changes\./));
}

function expectSummary(expected: RegExp): (summary: string) => string {
  return (summary) => {
    if (!expected.test(summary))
      throw new Error(`the run ended with ${JSON.stringify(summary)}, expected ${String(expected)}`);
    return summary;
  };
}

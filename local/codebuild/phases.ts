import type { Build, BuildPhase, BuildPhaseType, StatusType } from "@aws-sdk/client-codebuild";
import { PhaseError } from "./errors";
import type { BuildEvent } from "./events";

/** Keeps a build's phases as BatchGetBuilds shows them. */
export class Phases {
  #outcome: StatusType = "SUCCEEDED";

  /** Work that ends because of `signal` has the signal's reason as its error. */
  constructor(
    private readonly build: Build & { id: string },
    private readonly signal: AbortSignal,
    private readonly onEvent: (event: BuildEvent) => void,
  ) {}

  /** Of the whole build: the first phase that does not succeed decides. */
  get outcome(): StatusType {
    return this.#outcome;
  }

  /** Runs `work` as a phase, and records and rethrows its error; one that is no PhaseError is a fault of this machine. */
  async run<Result>(phaseType: BuildPhaseType, work: () => Result | Promise<Result>): Promise<Result> {
    const phase = this.#begin(phaseType);
    try {
      const result = await work();
      this.#end(phase, "SUCCEEDED");
      return result;
    } catch (error) {
      const cause: unknown = this.signal.aborted ? this.signal.reason : error;
      if (cause instanceof PhaseError) this.#end(phase, cause.phaseStatus, cause.statusCode, cause.message);
      else this.#end(phase, "FAULT", "INTERNAL_ERROR", String(cause));
      throw cause;
    }
  }

  /** The last phase: it has a start and no end. */
  complete(): void {
    this.#begin("COMPLETED");
    this.build.endTime = new Date();
    this.build.buildStatus = this.#outcome;
    this.build.buildComplete = true;
  }

  #begin(phaseType: BuildPhaseType): BuildPhase {
    const phase: BuildPhase = { phaseType, startTime: new Date() };
    this.build.phases = [...(this.build.phases ?? []), phase];
    this.build.currentPhase = phaseType;
    this.onEvent({ type: "phase-started", buildId: this.build.id, phase: phaseType });
    return phase;
  }

  #end(phase: BuildPhase, status: StatusType, statusCode = "", message = ""): void {
    const start = phase.startTime ?? new Date();
    phase.phaseStatus = status;
    phase.endTime = new Date();
    phase.durationInSeconds = Math.floor((phase.endTime.getTime() - start.getTime()) / 1000);
    phase.contexts = [{ statusCode, message }];
    if (this.#outcome === "SUCCEEDED") this.#outcome = status;
    this.onEvent({
      type: "phase-ended",
      buildId: this.build.id,
      phase: phase.phaseType ?? "",
      status,
      ...(message && { message }),
    });
  }
}

import type { CodeBuildClient } from "@aws-sdk/client-codebuild";
import type { Drop } from "../../core/drop";
import type { EventContents } from "../../core/events";
import { routeDrop, type RouteTable } from "../../core/routes";
import { BuildsNotStartedError } from "./errors";
import { startBuild } from "./start-build";
import type { Telemetry } from "./telemetry";

/** What every line about an event carries. */
type Origin = Readonly<Record<string, string>>;

interface EventHandlerProps {
  readonly routes: RouteTable;
  readonly codeBuild: CodeBuildClient;
  readonly telemetry: Telemetry;
}

/** From an event to builds. */
export class EventHandler {
  readonly #routes: RouteTable;
  readonly #codeBuild: CodeBuildClient;
  readonly #telemetry: Telemetry;

  constructor({ routes, codeBuild, telemetry }: EventHandlerProps) {
    this.#routes = routes;
    this.#codeBuild = codeBuild;
    this.#telemetry = telemetry;
  }

  /**
   * Tries every drop of the event.
   * @throws what `read` throws; where builds were not started, why: the error itself, or a BuildsNotStartedError over several.
   */
  async handle(read: () => EventContents, origin: Origin = {}): Promise<void> {
    const { drops, ignored } = this.#read(read, origin);
    for (const reason of ignored) {
      this.#telemetry.logger.info("event ignored", { reason, ...origin });
      this.#telemetry.count("EventsIgnored");
    }
    const results = await Promise.allSettled(drops.map((drop) => this.#start(drop, origin)));
    const errors = results.flatMap((result) => (result.status === "rejected" ? [result.reason as Error] : []));
    const [first, ...others] = errors;
    if (first !== undefined) throw others.length === 0 ? first : new BuildsNotStartedError(errors, drops.length);
  }

  #read(read: () => EventContents, origin: Origin): EventContents {
    try {
      return read();
    } catch (error) {
      this.#telemetry.logger.error("event unreadable", { error: error as Error, ...origin });
      this.#telemetry.count("EventsUnreadable");
      throw error;
    }
  }

  async #start(drop: Drop, origin: Origin): Promise<void> {
    const routing = routeDrop(this.#routes, drop);
    if (routing.route === undefined) {
      this.#telemetry.logger.warn("drop unrouted", { reason: routing.reason, drop, ...origin });
      this.#telemetry.count("DropsUnrouted");
      return;
    }
    const { route } = routing;
    try {
      const buildId = await startBuild(this.#codeBuild, route, drop);
      this.#telemetry.logger.info("build started", { buildId, route, drop, ...origin });
      this.#telemetry.count("BuildsStarted", route.service);
    } catch (error) {
      this.#telemetry.logger.error("build not started", { error: error as Error, route, drop, ...origin });
      this.#telemetry.count("StartBuildFailed", route.service);
      throw error;
    }
  }
}

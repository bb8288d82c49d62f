import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { Context } from "aws-lambda";

/** CloudWatch namespace of the counts below, each by `pipeline`, and by `pipeline` and `service` where one is known. */
const NAMESPACE = "S3CodeBuildTrigger";

type Count =
  /** A build was started, or an event delivered twice met the build that it had started. */
  | "BuildsStarted"
  /** A drop's build was not started; its message failed. */
  | "StartBuildFailed"
  /** A drop has no owner. */
  | "DropsUnrouted"
  /** A part of an event is no drop. */
  | "EventsIgnored"
  /** A message could not be read; it failed. */
  | "EventsUnreadable";

/** Logs and counts. Made at their first use: in a cold start, while CodeBuild answers instead of before it is asked. */
export class Telemetry {
  readonly #pipeline: string;
  #context: Context | undefined;
  #made: { readonly logger: Logger; readonly metrics: Metrics } | undefined;

  constructor(pipeline: string) {
    this.#pipeline = pipeline;
  }

  /** What follows belongs to this invocation. */
  begin(context: Context): void {
    this.#context = context;
    this.#made?.logger.addContext(context);
  }

  get logger(): Logger {
    return this.#use().logger;
  }

  /** Adds one. */
  count(name: Count, service?: string): void {
    const { metrics } = this.#use();
    metrics.addDimensions({});
    if (service !== undefined) metrics.addDimensions({ service });
    metrics.addMetric(name, MetricUnit.Count, 1).publishStoredMetrics();
  }

  #use() {
    return (this.#made ??= make(this.#pipeline, this.#context));
  }
}

function make(pipeline: string, context: Context | undefined) {
  const logger = new Logger({ serviceName: "start-build", persistentKeys: { pipeline } });
  if (context) logger.addContext(context);
  const metrics = new Metrics({ namespace: NAMESPACE, logger });
  // Powertools' own dimension `service` is the function; here a service is what is dropped.
  metrics.clearDefaultDimensions();
  metrics.setDefaultDimensions({ pipeline });
  return { logger, metrics };
}

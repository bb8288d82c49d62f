import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";

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

export interface Telemetry {
  readonly logger: Logger;
  /** Adds one. */
  readonly count: (name: Count, service?: string) => void;
}

export function createTelemetry(pipeline: string): Telemetry {
  const logger = new Logger({ serviceName: "start-build", persistentKeys: { pipeline } });
  const metrics = new Metrics({ namespace: NAMESPACE, logger });
  // Powertools' own dimension `service` is the function; here a service is what is dropped.
  metrics.clearDefaultDimensions();
  metrics.setDefaultDimensions({ pipeline });
  return {
    logger,
    count: (name, service) => {
      metrics.addDimensions({});
      if (service !== undefined) metrics.addDimensions({ service });
      metrics.addMetric(name, MetricUnit.Count, 1).publishStoredMetrics();
    },
  };
}

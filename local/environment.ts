import { mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { startCodeBuild } from "./codebuild";
import { AsyncInvoker, startDelivery, type Delivery } from "./delivery";
import { startDocker } from "./docker";
import { startCloudTrail, startEventBus } from "./events";
import { startIam } from "./iam";
import { startGate } from "./iam/gate";
import { Invoker, startEventSourceMappings } from "./lambda";
import { lineOf } from "./lines";
import { startMoto } from "./moto";
import { startRegistry, type Registry } from "./registry";

export interface EnvironmentOptions {
  /** The project's root; moto's virtual environment is made in its `.local/`. */
  readonly projectDirectory: string;
  /** Holds what this run writes: builds, images, certificates. */
  readonly directory: string;
  readonly region: string;
  /** A real docker-registry that stores the images. @default - images are stored in `directory` */
  readonly storage?: { readonly url: string };
  /** Port of the AWS endpoint. @default 0, any free one */
  readonly port?: number;
  /** Deliver the S3 event of each multipart upload twice. @default false */
  readonly duplicateMultipart?: boolean;
  /**
   * How long a minute lasts that Lambda or EventBridge waits until it tries again. Tests shorten it.
   * @default 60000
   */
  readonly minuteInMilliseconds?: number;
  /** Gets a line for people about each thing that happens. @default - nobody is told */
  readonly onLine?: (line: string) => void;
}

/**
 * AWS on this machine: the emulator, what AWS does between its services (deliveries, event bus, trails, Lambda), CodeBuild, a registry
 * under ECR's host names, and IAM between them all.
 */
export interface Environment {
  /** Every AWS API but CodeBuild's. */
  readonly endpoint: string;
  readonly registry: Registry;
  /** What Terraform, cdktf, the AWS CLI and the SDKs need in their environment to talk to it. */
  readonly variables: Readonly<Record<string, string>>;
  /** Ends everything; what it held is forgotten. */
  close(): Promise<void>;
}

/** Account of every resource here: moto's default. https://docs.getmoto.org/en/latest/docs/multi_account.html */
const LOCAL_ACCOUNT = "123456789012";

/** Here the SDK may run on Node 20, and says at each start that it will not for ever; in AWS, everything runs on Node 22. */
const NO_NODE_WARNING = "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED";

export async function startEnvironment(options: EnvironmentOptions): Promise<Environment> {
  process.env[NO_NODE_WARNING] ??= "true";
  const { projectDirectory, directory, region, storage, port, duplicateMultipart, minuteInMilliseconds } = options;
  const { onLine = () => undefined } = options;
  const tell = <Event>(line: (event: Event) => string | undefined) => {
    return (event: Event): void => {
      const text = line(event);
      if (text !== undefined) onLine(text);
    };
  };
  const started: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(piece: T): T => {
    started.unshift(piece);
    return piece;
  };
  const close = async (): Promise<void> => {
    const failed: unknown[] = [];
    for (const piece of started.splice(0)) await piece.close().catch((error: unknown) => failed.push(error));
    if (failed.length > 0)
      throw new AggregateError(failed, `closing AWS on this machine: ${failed.map(String).join("; ")}`);
  };
  const folder = (name: string): string => {
    const path = join(directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  try {
    // What needs moto's URL or the gate's, and is needed by them.
    const later: { delivery?: Delivery; codebuild?: string } = {};
    const moto = keep(
      await startMoto({
        directory: projectDirectory,
        port,
        onFact: (fact) => {
          tell(lineOf.bucket)(fact);
          later.delivery?.onFact(fact);
        },
        onNotificationDestinations: async (asked) => (await later.delivery?.onNotificationDestinations(asked)) ?? [],
      }),
    );
    const endpoint = moto.url;
    const iam = keep(startIam({ endpoint, region }));
    const registry = keep(
      await startRegistry({ endpoint, directory: folder("registry"), storage, iam, onEvent: tell(lineOf.registry) }),
    );

    const gate = keep(
      await startGate({ endpoint, iam, codebuild: () => later.codebuild ?? "", onEvent: tell(lineOf.gate) }),
    );
    const permissions = { iam, gate: gate.url };
    const quiet = { [NO_NODE_WARNING]: "true" };
    const codebuild = keep(
      await startCodeBuild({
        region,
        accountId: LOCAL_ACCOUNT,
        endpoint,
        permissions,
        workDirectory: folder("builds"),
        buildEnvironment: {
          ...quiet,
          // CodeBuild's images have the AWS CLI.
          PATH: [moto.commands, process.env.PATH].join(delimiter),
          HTTPS_PROXY: registry.proxyUrl,
          NODE_EXTRA_CA_CERTS: registry.caFile,
          // The docker command logs in by itself where no daemon answers.
          SSL_CERT_FILE: registry.caFile,
        },
        startDocker: (directory) => startDocker({ ...registry, directory }),
        onEvent: tell(lineOf.build),
      }),
    );
    later.codebuild = codebuild.url;

    const functions = { endpoint, region, permissions, environment: quiet, onEvent: tell(lineOf.lambda) };
    keep(await startEventSourceMappings({ ...functions, directory: folder("functions") }));
    const invoker = keep(new Invoker({ ...functions, directory: folder("invoked-functions") }));
    const deliveries = {
      endpoint,
      region,
      iam,
      minuteInMilliseconds,
      invoke: (functionArn: string, event: unknown, requestId: string) => invoker.invoke(functionArn, event, requestId),
      onEvent: tell(lineOf.delivery),
    };
    const asyncInvoker = keep(new AsyncInvoker(deliveries));
    const bus = keep(
      await startEventBus({
        endpoint,
        region,
        iam,
        codebuild: codebuild.url,
        asyncInvoke: (functionArn, event) => {
          asyncInvoker.enqueue(functionArn, event);
        },
        minuteInMilliseconds,
        onEvent: tell(lineOf.bus),
      }),
    );
    const trails = keep(
      await startCloudTrail({ endpoint, region, accountId: LOCAL_ACCOUNT, iam, bus, onEvent: tell(lineOf.bus) }),
    );
    later.delivery = keep(
      await startDelivery({
        ...deliveries,
        bus,
        duplicateMultipart,
        onCall: (fact) => {
          trails.record(fact);
        },
      }),
    );
    return {
      endpoint,
      registry,
      // Those who are no function and no build go past the gate: they are the deployer and the sender, and may do everything.
      variables: {
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: "test",
        AWS_ENDPOINT_URL: endpoint,
        AWS_ENDPOINT_URL_CODEBUILD: codebuild.url,
        AWS_REGION: region,
        AWS_DEFAULT_REGION: region,
        // Without a low number of attempts, a call that moto does not know hangs Terraform for minutes.
        AWS_MAX_ATTEMPTS: "2",
        ...quiet,
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

import { join } from "node:path";
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { decode, encode } from "@msgpack/msgpack";
import { writeArchive } from "./archive";
import { type ArchiveFileConfig, providerSchema } from "./schema";
import { configProblems } from "./validate";

export interface ArchiveProviderOptions {
  /** The folder that Terraform runs in: relative paths of the data blocks are taken from it. */
  readonly workingDirectory: string;
}

/** How Terraform reaches a provider that already runs. https://developer.hashicorp.com/terraform/plugin/debugging */
interface Reattach {
  readonly Protocol: "grpc";
  readonly ProtocolVersion: 5;
  readonly Pid: number;
  readonly Test: true;
  readonly Addr: { readonly Network: "tcp"; readonly String: string };
}

export interface ArchiveProvider {
  /** The value of `hashicorp/archive` in TF_REATTACH_PROVIDERS. */
  readonly reattach: Reattach;
  close(): Promise<void>;
}

/**
 * Serves `data archive_file` as hashicorp/archive 2.7.1 has it, for machines that cannot install the provider: the same schema,
 * the same attributes, the same files in the archive in the same order, with the same modes. The bytes differ in their
 * compression, and therefore the hashes; type "tar.gz" and the resource of that name are refused.
 *
 * It answers from this process: while Terraform runs, do not block the event loop.
 */
export async function startArchiveProvider({ workingDirectory }: ArchiveProviderOptions): Promise<ArchiveProvider> {
  const server = new Server();
  server.addService(pluginProtocol(), implementation(workingDirectory));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return {
    reattach: {
      Protocol: "grpc",
      ProtocolVersion: 5,
      Pid: process.pid,
      Test: true,
      Addr: { Network: "tcp", String: `127.0.0.1:${port}` },
    },
    close: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

/** Terraform's plugin protocol 5, as far as a data source needs it; also what a test's client speaks. */
export function pluginProtocol(): ServiceDefinition {
  const definitions = loadSync(join(__dirname, "tfplugin5.proto"), { keepCase: true, defaults: true, enums: String });
  return definitions["tfplugin5.Provider"] as ServiceDefinition;
}

interface DynamicValue {
  readonly msgpack: Uint8Array;
}

interface Diagnostic {
  readonly severity: "ERROR";
  readonly summary: string;
  readonly detail: string;
}

function implementation(workingDirectory: string): UntypedServiceImplementation {
  return {
    GetSchema: unary(() => providerSchema),
    PrepareProviderConfig: unary(({ config }: { config: DynamicValue }) => ({ prepared_config: config })),
    Configure: unary(() => ({})),
    Stop: unary(() => ({})),
    ValidateDataSourceConfig: unary(({ config }: { config: DynamicValue }) => ({
      diagnostics: configProblems(decode(config.msgpack) as Record<string, unknown>).map((problem) =>
        diagnostic("Invalid archive_file", problem),
      ),
    })),
    ReadDataSource: unary(async ({ config }: { config: DynamicValue }) => {
      const values = decode(config.msgpack) as ArchiveFileConfig;
      try {
        const output = await writeArchive(values, workingDirectory);
        return { state: { msgpack: Buffer.from(encode({ ...values, ...output })) } };
      } catch (error) {
        return { diagnostics: [diagnostic("Archive creation error", (error as Error).message)] };
      }
    }),
  };
}

function unary<Request>(answer: (request: Request) => unknown) {
  return (call: ServerUnaryCall<Request, unknown>, callback: sendUnaryData<unknown>): void => {
    Promise.resolve(call.request)
      .then(answer)
      .then(
        (response) => {
          callback(null, response);
        },
        (error: unknown) => {
          callback(error as Error);
        },
      );
  };
}

function diagnostic(summary: string, detail: string): Diagnostic {
  return { severity: "ERROR", summary, detail };
}

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export interface CodeBuildRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: StartBuildBody;
}

export interface StartBuildBody {
  readonly projectName: string;
  readonly environmentVariablesOverride: readonly { name: string; value: string; type: string }[];
  readonly idempotencyToken: string;
}

/** What CodeBuild answers; `"hang up"` closes the connection instead. */
export type Answer = { readonly status: number; readonly body: object } | "hang up";

export interface FakeCodeBuild {
  readonly url: string;
  readonly requests: readonly CodeBuildRequest[];
  close(): Promise<void>;
}

/** StartBuild of CodeBuild on loopback, in its own protocol (AWS JSON 1.1), as scripted. */
export async function startFakeCodeBuild(
  answer: (request: CodeBuildRequest) => Answer = started,
): Promise<FakeCodeBuild> {
  const requests: CodeBuildRequest[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as StartBuildBody;
      const request = { headers: incoming.headers, body };
      requests.push(request);
      const answered = answer(request);
      if (answered === "hang up") {
        incoming.socket.destroy();
        return;
      }
      response.writeHead(answered.status, { "Content-Type": "application/x-amz-json-1.1" });
      response.end(JSON.stringify(answered.body));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export function started({ body }: CodeBuildRequest): Answer {
  return { status: 200, body: { build: { id: `${body.projectName}:build-1`, buildStatus: "IN_PROGRESS" } } };
}

export function refused(type: string, message: string, status = 400): Answer {
  return { status, body: { __type: type, message } };
}

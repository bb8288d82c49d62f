import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { registryAnswers } from "../../local/terraform/registry";

const discovery = '{"modules.v1":"/v1/modules/","providers.v1":"/v1/providers/"}';
const servers: Server[] = [];

afterEach(async () => {
  delete process.env.HTTP_PROXY;
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const serve = (listener: RequestListener): Promise<string> => listen(createServer(listener));

test("a registry that describes its providers is there", async () => {
  expect(await registryAnswers(await serve((_, response) => response.end(discovery)))).toBe(true);
});

test.each<[string, RequestListener]>([
  ["another page, as a captive portal gives", (_, response) => response.end("<html>Please log in</html>")],
  ["an error", (_, response) => response.writeHead(503).end(discovery)],
  ["a redirect", (_, response) => response.writeHead(302, { location: "https://portal.example/" }).end()],
  ["an answer that breaks off", (request, response) => response.write(discovery, () => request.socket.destroy())],
])("%s is no registry", async (_, listener) => {
  expect(await registryAnswers(await serve(listener))).toBe(false);
});

test("silence is no registry, after the patience is over", async () => {
  const started = Date.now();
  expect(await registryAnswers(await serve(() => undefined), 200)).toBe(false);
  expect(Date.now() - started).toBeLessThan(2000);
});

test("a closed port is no registry", async () => {
  const server = createServer();
  const url = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  expect(await registryAnswers(url)).toBe(false);
});

test("the proxy of the environment is used", async () => {
  const registry = await serve((_, response) => response.end(discovery));
  const asked: (string | undefined)[] = [];
  const proxy = createServer().on("connect", (request, socket) => {
    asked.push(request.url);
    const upstream = connect(Number(new URL(registry).port), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    socket.on("error", () => upstream.destroy());
    upstream.on("error", () => socket.destroy());
  });
  process.env.HTTP_PROXY = await listen(proxy);
  expect(await registryAnswers("http://registry.example/.well-known/terraform.json")).toBe(true);
  expect(asked).toEqual(["registry.example:80"]);
});

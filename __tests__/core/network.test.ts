import { createServer, type AddressInfo, type Socket } from "node:net";
import { HttpsProxyAgent } from "https-proxy-agent";
import { agentFor } from "../../core/network";
import { exchange } from "../../core/registry/http";

const { HTTPS_PROXY, NO_PROXY } = process.env;
afterEach(() => {
  for (const [name, value] of Object.entries({ HTTPS_PROXY, NO_PROXY })) {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
});

test.each([
  ["http://proxy:3128", "http://proxy:3128/"],
  ["https://proxy:3128", "https://proxy:3128/"],
  ["http://user:word@proxy:3128", "http://user:word@proxy:3128/"],
  // As curl reads it.
  ["proxy:3128", "http://proxy:3128/"],
])("HTTPS_PROXY=%s leads through %s", (value, expected) => {
  process.env.HTTPS_PROXY = value;
  expect(agentFor(new URL("https://registry.example.com/v2/"))).toHaveProperty("proxy.href", expected);
});

test.each([
  ["https://registry.example.com", ".example.com", false],
  ["https://registry.example.com", "registry.example.com:443", false],
  ["https://registry.example.com:8443", "registry.example.com:443", true],
  ["http://registry.example.com", "", false],
])("%s with NO_PROXY=%s goes through the proxy: %s", (url, noProxy, expected) => {
  process.env.HTTPS_PROXY = "http://proxy:3128";
  process.env.NO_PROXY = noProxy;
  expect(agentFor(new URL(url)) instanceof HttpsProxyAgent).toBe(expected);
});

describe("what does not answer is given up", () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket));
  const faltering = createServer((socket) => {
    sockets.push(socket);
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
  });
  let port: number;
  beforeAll(async () => {
    for (const server of [silent, faltering]) await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    ({ port } = silent.address() as AddressInfo);
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
    faltering.close();
  });

  test("a proxy", async () => {
    process.env.HTTPS_PROXY = `http://127.0.0.1:${port}`;
    const request = { method: "GET", url: new URL("https://registry.example.com/v2/") } as const;
    await expect(exchange(request, { connect: 50, idle: 60_000 })).rejects.toMatchObject({
      code: "ETIMEDOUT",
      message: "no connection within 0.05 seconds",
    });
  });

  test("a registry", async () => {
    const request = { method: "GET", url: new URL(`http://127.0.0.1:${port}/v2/`) } as const;
    await expect(exchange(request, { connect: 60_000, idle: 50 })).rejects.toMatchObject({
      code: "ETIMEDOUT",
      message: "nothing heard for 0.05 seconds",
    });
  });

  test("a registry in the middle of its answer", async () => {
    const url = new URL(`http://127.0.0.1:${(faltering.address() as AddressInfo).port}/v2/`);
    await expect(exchange({ method: "GET", url }, { connect: 60_000, idle: 50 })).rejects.toMatchObject({
      code: "ETIMEDOUT",
      message: "nothing heard for 0.05 seconds",
    });
  });
});

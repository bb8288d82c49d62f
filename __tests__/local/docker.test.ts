import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { startDocker, type Docker, type DockerOptions } from "../../local/docker";
import { isRunning } from "./codebuild-support";

/** Answers on its socket like dockerd, and notes its arguments and environment. */
const DAEMON = `#!${process.execPath}
const { createServer } = require("node:http");
const { writeFileSync } = require("node:fs");
const [socket] = process.argv.flatMap((argument) => /^--host=unix:\\/\\/(.+)$/.exec(argument)?.[1] ?? []);
const [data] = process.argv.flatMap((argument) => /^--data-root=(.+)$/.exec(argument)?.[1] ?? []);
writeFileSync(data + "/started", JSON.stringify({ args: process.argv.slice(2), env: process.env }));
createServer((request, response) => response.end("OK")).listen(socket);
process.on("SIGTERM", () => process.exit(0));
`;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "docker-test-"));
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

/** Starts it with these programs on the PATH. */
function start(
  programs: Readonly<Record<string, string>>,
  changes: Partial<DockerOptions> = {},
  user = 0,
): Promise<Docker> {
  const bin = join(directory, "bin");
  mkdirSync(bin);
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), script);
    chmodSync(join(bin, name), 0o755);
  }
  jest.spyOn(process, "getuid").mockReturnValue(user);
  return startDocker({
    directory: join(directory, "data"),
    proxyUrl: "http://127.0.0.1:9",
    caFile: "/ca.pem",
    path: [bin, "/usr/bin", "/bin"].join(delimiter),
    ...changes,
  });
}

function ping(host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get({ socketPath: host.replace("unix://", ""), path: "/_ping" }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });
}

test("runs beside the machine's own, reaches registries through the proxy alone, and leaves nothing behind", async () => {
  const docker = await start({ dockerd: DAEMON, docker: "" });
  const data = join(directory, "data");
  const runtime = dirname(docker.host.replace("unix://", ""));
  expect(await ping(docker.host)).toBe(200);
  const { args, env } = JSON.parse(readFileSync(join(data, "started"), "utf8")) as { args: string[]; env: object };
  expect(args).toEqual([
    `--host=${docker.host}`,
    `--data-root=${data}`,
    `--exec-root=${runtime}/exec`,
    `--pidfile=${runtime}/docker.pid`,
    `--config-file=${runtime}/daemon.json`,
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--log-level=warn",
  ]);
  expect(env).toMatchObject({ HTTPS_PROXY: "http://127.0.0.1:9", SSL_CERT_FILE: "/ca.pem" });
  expect(readFileSync(join(runtime, "daemon.json"), "utf8")).toBe("{}");
  expect(isRunning(String(docker.pid))).toBe(true);

  await docker.close();
  expect(isRunning(String(docker.pid))).toBe(false);
  expect(existsSync(runtime)).toBe(false);
  expect(readdirSync(directory)).toEqual(["bin"]);
});

test.each<[string, Record<string, string>]>([
  ["dockerd", { docker: "" }],
  ["docker", { dockerd: "" }],
])("without %s it says how to install it", async (missing, programs) => {
  await expect(start(programs, { path: join(directory, "bin") })).rejects.toThrow(
    new Error(
      `a privileged build cannot run here: found no ${missing}, expected dockerd and docker on the PATH, and root, who may start it; ` +
        "install both: `apt-get install docker.io` (Debian, Ubuntu)",
    ),
  );
});

test("without root it says so", async () => {
  await expect(start({ dockerd: DAEMON, docker: "" }, {}, 1000)).rejects.toThrow(
    new Error(
      "a privileged build cannot run here: found the user id 1000, expected dockerd and docker on the PATH, and root, who may start it; " +
        "run it as root",
    ),
  );
});

test("one that ends at once is quoted, and leaves nothing behind", async () => {
  const starting = start({ dockerd: "#!/bin/sh\necho no graph driver >&2\nexit 3\n", docker: "" });
  await expect(starting).rejects.toThrow(
    new Error(
      "the docker daemon of a privileged build did not start: found that it ended with exit code 3, expected an answer on its socket; " +
        "it said:\nno graph driver",
    ),
  );
  expect(readdirSync(directory)).toEqual(["bin"]);
});

test("one that does not answer is ended", async () => {
  const pidFile = join(directory, "pid");
  const starting = start(
    { dockerd: `#!/bin/sh\necho $$ > ${pidFile}\nexec sleep 60\n`, docker: "" },
    { startLimit: 300 },
  );
  await expect(starting).rejects.toThrow("found no answer within 0.3 s, expected an answer on its socket; it said:\n");
  expect(isRunning(readFileSync(pidFile, "utf8").trim())).toBe(false);
});

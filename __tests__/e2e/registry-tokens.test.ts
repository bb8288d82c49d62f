import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeImageArchive } from "../../local/fixtures";
import { startDockerRegistry, type DockerRegistry } from "../../local/registry/docker-registry";
import { runCommand } from "../support/publish-command";
import { requires } from "../support/requires";
import { startTokenServer, type TokenServer } from "../support/token-server";

jest.setTimeout(60_000);

const [USER, PASSWORD] = ["deployer", "secret word"];
const isHere = [
  requires("docker-registry", "apt-get install docker-registry"),
  requires("skopeo", "apt-get install skopeo"),
].every(Boolean);

(isHere ? describe : describe.skip)("docker's own registry, which wants tokens of an authorization server", () => {
  let directory: string;
  let archive: string;
  let tokens: TokenServer;
  let registry: DockerRegistry;
  let host: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "tokens-test-"));
    archive = join(directory, "image.tar");
    await writeImageArchive({ path: archive, references: ["vendor.example/web:1"] });
    tokens = await startTokenServer(directory, USER, PASSWORD);
    registry = await startDockerRegistry({ directory: join(directory, "registry"), auth: tokens.auth });
    host = new URL(registry.url).host;
  });
  afterAll(async () => {
    await registry.close();
    tokens.close();
    await rm(directory, { recursive: true });
  });
  afterEach(() => jest.restoreAllMocks());

  const publish = (user: string, password: string) => {
    jest.replaceProperty(process, "env", { ...process.env, REGISTRY_USERNAME: user, REGISTRY_PASSWORD: password });
    return runCommand(archive, `${host}/team/web:0123abc`, "--moving-tag", "staging");
  };

  test("gets an image by one token", async () => {
    const { code, stdout, stderr } = await publish(USER, PASSWORD);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(tokens.given).toEqual([["repository:team/web:pull,push", "repository:team/web:pull"]]);
    for (const tag of ["0123abc", "staging"]) {
      const inspect = ["inspect", "--tls-verify=false", "--creds", `${USER}:${PASSWORD}`, "--format", "{{.Digest}}"];
      const { stdout: digest } = await promisify(execFile)("skopeo", [...inspect, `docker://${host}/team/web:${tag}`]);
      expect(stdout).toBe(`${host}/team/web:0123abc@${digest}`);
    }
  });

  test("refuses another password", async () => {
    const { code, stderr } = await publish(USER, "guess");
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /asking http:\/\/127\.0\.0\.1:\d+\/token for a token for 127\.0\.0\.1:\d+: found HTTP 401 from 127\.0\.0\.1:\d+, expected one for .+; check REGISTRY_USERNAME and REGISTRY_PASSWORD, and what the registry lets that user do\n$/,
    );
  });
});

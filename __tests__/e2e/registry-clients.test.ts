import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeImageArchive, type ArchivedImage } from "../../local/fixtures";
import { startRegistry, type Registry } from "../../local/registry";
import { REGISTRY_HOST, startEcr, type FakeEcr } from "../support/ecr";
import { requires } from "../support/requires";

const run = promisify(execFile);
const IMAGE = `${REGISTRY_HOST}/tomofun/test-jessie`;

let directory: string;
let ecr: FakeEcr;
let registry: Registry;
let archive: string;
let image: ArchivedImage;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "clients-"));
  ecr = await startEcr();
  ecr.createRepository("tomofun/test-jessie");
  registry = await startRegistry({ endpoint: ecr.endpoint, directory: join(directory, "registry") });
  archive = join(directory, "image.tar");
  [image] = (await writeImageArchive({ path: archive, references: [`${IMAGE}:abc1234`] })) as [ArchivedImage];
});

afterAll(async () => {
  await registry.close();
  await ecr.close();
  await rm(directory, { recursive: true, force: true });
});

const client = (program: string, ...args: string[]): Promise<{ stdout: string }> =>
  run(program, args, {
    timeout: 30_000,
    env: { PATH: process.env.PATH, HOME: directory, HTTPS_PROXY: registry.proxyUrl, SSL_CERT_FILE: registry.caFile },
  });
const credentials = (): string => Buffer.from(ecr.token(), "base64").toString();

if (requires("skopeo", "apt-get install skopeo")) {
  test("skopeo pushes and pulls", async () => {
    const reference = `docker://${IMAGE}:abc1234`;
    const skopeo = (...args: string[]): Promise<unknown> => client("skopeo", "--insecure-policy", ...args);
    await skopeo("copy", "--dest-creds", credentials(), `docker-archive:${archive}`, reference);
    await skopeo("copy", "--src-creds", credentials(), reference, `dir:${join(directory, "pulled")}`);
    const manifest = JSON.parse(await readFile(join(directory, "pulled", "manifest.json"), "utf8")) as {
      config: { digest: string };
    };
    expect(manifest.config.digest).toBe(image.config);
  });

  test("skopeo with a wrong password is told that it is not authorized", async () => {
    await expect(client("skopeo", "inspect", "--creds", "AWS:wrong", `docker://${IMAGE}:abc1234`)).rejects.toThrow(
      "unauthorized: authentication required",
    );
  });
}

if (requires("podman", "apt-get install podman")) {
  test("podman logs in, pushes, pulls and unpacks", async () => {
    const authfile = join(directory, "auth.json");
    const roots = ["--storage-driver=vfs", `--root=${join(directory, "p")}`, `--runroot=${join(directory, "r")}`];
    const podman = (...args: string[]): Promise<{ stdout: string }> => client("podman", ...roots, ...args);
    const reference = `${IMAGE}:bypodman`;
    const password = credentials().slice("AWS:".length);
    await podman("login", "--authfile", authfile, "-u", "AWS", "-p", password, REGISTRY_HOST);
    const policy = join(directory, "policy.json");
    await writeFile(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
    await podman("load", "--signature-policy", policy, "-i", archive);
    await podman("push", "--signature-policy", policy, "--authfile", authfile, `${IMAGE}:abc1234`, reference);
    await podman("rmi", "--all", "--force");
    await podman("pull", "--signature-policy", policy, "--authfile", authfile, reference);
    const { stdout } = await podman("image", "inspect", "--format", "{{.Id}} {{.RootFS.Layers}}", reference);
    const layers = image.layers.map(({ diffId }) => diffId).join(" ");
    expect(stdout.trim()).toBe(`${image.config.slice("sha256:".length)} [${layers}]`);
  }, 60_000);
}

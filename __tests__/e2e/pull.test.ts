import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeBundles } from "../../infrastructure/write-bundles";
import { writeImageArchive, type ArchivedPlatform } from "../../local/fixtures";
import { nodeOfBuilds } from "../../local/node-of-builds";
import { proveImage, type RegistryLocation } from "../../local/proof";
import { startDockerRegistry, type DockerRegistry } from "../../local/registry/docker-registry";
import { runCommand } from "../support/publish-command";
import { pullWithPodman, pullWithSkopeo } from "../support/pull";
import { requires } from "../support/requires";

jest.setTimeout(120_000);

const ROOT = join(__dirname, "../..");

const isHere = [
  ["docker-registry", "apt-get install docker-registry"],
  ["skopeo", "apt-get install skopeo"],
  ["podman", "apt-get install podman"],
  ["igzip", "apt-get install isal"],
  ["zstd", "apt-get install zstd"],
] as const;

/** What was pushed is of use to those who pull it. */
(isHere.map(([program, install]) => requires(program, install)).every(Boolean) ? describe : describe.skip)(
  "a real client",
  () => {
    let directory: string;
    let registry: DockerRegistry;

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), "pull-test-"));
      registry = await startDockerRegistry({ directory: join(directory, "registry") });
    });
    afterAll(async () => {
      await registry.close();
      await rm(directory, { recursive: true });
    });

    const push = async (archive: string, name: string, ...args: readonly string[]): Promise<void> => {
      const { code, stderr } = await runCommand(archive, `${new URL(registry.url).host}/${name}`, ...args);
      if (code !== 0) throw new Error(stderr);
    };
    /** By the program and the Node.js that a build has. */
    const pushAsBuild = async (archive: string, name: string, ...args: readonly string[]): Promise<void> => {
      const node = await nodeOfBuilds(ROOT);
      const program = writeBundles(join(directory, "bundle"));
      const env = { PATH: "", TMPDIR: directory };
      const destination = `${new URL(registry.url).host}/${name}`;
      await promisify(execFile)(node, [program, archive, destination, ...args], { env });
    };
    const location = (tag: string): RegistryLocation => ({
      host: new URL(registry.url).host,
      plainHttp: true,
      repository: "web",
      tag,
    });
    const pulled = ({ config, layers }: ArchivedPlatform): object => ({
      config,
      diffIds: layers.map(({ diffId }) => diffId),
    });

    /** Each way in which layers are compressed, and what a manifest says of them then. */
    const COMPRESSORS = {
      // Where the PATH has no igzip.
      "Node's gzip": { push, path: "", compression: "gzip", suffix: "gzip" },
      igzip: { push, path: process.env.PATH, compression: "gzip", suffix: "gzip" },
      "Node's zstd": { push: pushAsBuild, path: process.env.PATH, compression: "zstd", suffix: "zstd" },
      "the program zstd": { push, path: process.env.PATH, compression: "zstd", suffix: "zstd" },
      nothing: { push, path: process.env.PATH, compression: "keep", suffix: undefined },
    };

    test.each(Object.entries(COMPRESSORS))("unpacks layers compressed by %s", async (name, how) => {
      const path = join(directory, "image.tar");
      // Of several pieces that are compressed by themselves.
      const bytes = 3_000_000;
      const part = { path: "opt/part", content: { source: process.execPath, start: 0, bytes } };
      const layers = [[{ path: "app/base", content: `${name}\n` }], [part]];
      const [image] = await writeImageArchive({
        path,
        references: ["vendor.example/web:1"],
        layers,
        layout: "oci-layout",
      });
      const tag = name.replace(/\W/g, "-");
      jest.replaceProperty(process, "env", { ...process.env, PATH: how.path });
      await how
        .push(path, `web:${tag}`, "--no-reuse", "--compression", how.compression)
        .finally(() => jest.restoreAllMocks());
      const proof = await proveImage({ archive: path, registry: location(tag) });
      const type = ["application/vnd.oci.image.layer.v1.tar", how.suffix].filter(Boolean).join("+");
      expect(proof.images[0].layers.map(({ mediaType }) => mediaType)).toEqual([type, type]);
      const source = { url: registry.url, repository: "web", tag };
      expect(await pullWithPodman({ ...source, file: "app/base" })).toEqual({
        ...pulled(image!),
        content: `${name}\n`,
      });
      expect(await pullWithSkopeo(source)).toEqual(pulled(image!));
    });

    test("chooses its platform of an index", async () => {
      const path = join(directory, "index.tar");
      const platforms = ["linux/amd64", "linux/arm64/v8"];
      const options = { path, references: ["vendor.example/web:1"], layout: "oci-layout", platforms } as const;
      const [image] = await writeImageArchive(options);
      await push(path, "web:index");
      await proveImage({ archive: path, registry: location("index") });
      for (const one of image!.index!.platforms) {
        const source = { url: registry.url, repository: "web", tag: "index", platform: one.platform };
        const content = `${one.platform}\n`;
        expect(await pullWithPodman({ ...source, file: "etc/platform" })).toEqual({ ...pulled(one), content });
        expect(await pullWithSkopeo(source)).toEqual(pulled(one));
      }
    });
  },
);

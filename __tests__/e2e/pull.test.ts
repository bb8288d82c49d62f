import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeImageArchive, type ArchivedPlatform } from "../../local/fixtures";
import { proveImage, type RegistryLocation } from "../../local/proof";
import { startDockerRegistry, type DockerRegistry } from "../../local/registry/docker-registry";
import { pullWithPodman, pullWithSkopeo } from "../support/pull";
import { runner } from "../support/real-archives/run";
import { requires } from "../support/requires";

jest.setTimeout(120_000);

const isHere = [
  ["docker-registry", "apt-get install docker-registry"],
  ["skopeo", "apt-get install skopeo"],
  ["podman", "apt-get install podman"],
] as const;

/** How the tests of the publisher see whether real clients unpack what it pushed: here skopeo has pushed it. */
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
      const run = runner(directory);
      const target = `docker://${new URL(registry.url).host}/${name}`;
      await run("skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", ...args, archive, target);
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

    test.each(["gzip", "zstd"])("unpacks layers compressed by %s", async (compression) => {
      const path = join(directory, "image.tar");
      // Of a layer that skopeo has pushed before it takes what lies there, however it is compressed.
      const layers = ["base", "app"].map((name) => [{ path: `app/${name}`, content: `${compression}\n` }]);
      const references = ["vendor.example/web:1"];
      const [image] = await writeImageArchive({ path, references, layers, layout: "oci-layout" });
      await push(`oci-archive:${path}`, `web:${compression}`, "--dest-compress-format", compression);
      const proof = await proveImage({ archive: path, registry: location(compression) });
      const type = `application/vnd.oci.image.layer.v1.tar+${compression}`;
      expect(proof.images[0].layers.map(({ mediaType }) => mediaType)).toEqual([type, type]);
      const source = { url: registry.url, repository: "web", tag: compression };
      const content = `${compression}\n`;
      expect(await pullWithPodman({ ...source, file: "app/base" })).toEqual({ ...pulled(image!), content });
      expect(await pullWithSkopeo(source)).toEqual(pulled(image!));
    });

    test("chooses its platform of an index", async () => {
      const path = join(directory, "index.tar");
      const platforms = ["linux/amd64", "linux/arm64/v8"];
      const options = { path, references: ["vendor.example/web:1"], layout: "oci-layout", platforms } as const;
      const [image] = await writeImageArchive(options);
      await push(`oci-archive:${path}`, "web:index", "--all");
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

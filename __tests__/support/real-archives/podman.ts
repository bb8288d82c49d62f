import { join } from "node:path";
import { containersRunner, writeContext, type Run } from "./run";
import { realArchive, type RealArchive, type RealImage, type RealTool } from "./types";

const FIRST = "vendor.example/web:1";
const SECOND = "vendor.example/worker:1";

export const podman: RealTool = {
  tool: "podman",
  programs: [["podman", "apt-get install podman"]],
  make: async (directory) => {
    const context = await writeContext(directory);
    const run = await containersRunner(join(directory, "podman"));
    await run("podman", "build", "--quiet", "--layers", "--isolation", "chroot", "--tag", FIRST, context);
    await run("tar", "-cf", join(directory, "layer.tar"), "-C", context, "app");
    await run("podman", "import", "--quiet", join(directory, "layer.tar"), SECOND);
    const first = await inspect(run, FIRST);
    const second = await inspect(run, SECOND);

    const archives: RealArchive[] = [];
    const add = async (
      form: string,
      args: readonly string[],
      images: readonly RealImage[],
      compression: RealArchive["compression"] = "none",
    ): Promise<void> => {
      const path = join(directory, `podman-${archives.length}.tar`);
      await run("podman", "save", "--quiet", "--output", path, ...args);
      archives.push(realArchive({ tool: "podman", form, path, images, compression }));
    };
    await add("docker-archive", ["--format", "docker-archive", FIRST], [first]);
    await add("docker-archive of two images", ["--multi-image-archive", FIRST, SECOND], [first, second]);
    await add("oci-archive", ["--format", "oci-archive", FIRST], [first], "gzip");
    await add("oci-archive, not compressed", ["--format", "oci-archive", "--uncompressed", SECOND], [second]);
    return archives;
  },
};

async function inspect(run: Run, name: string): Promise<RealImage> {
  const [image] = JSON.parse(await run("podman", "image", "inspect", name)) as [
    { Id: string; Os: string; Architecture: string; RootFS: { Layers: readonly string[] } },
  ];
  return {
    references: [name],
    platform: `${image.Os}/${image.Architecture}`,
    config: `sha256:${image.Id}`,
    diffIds: image.RootFS.Layers,
  };
}

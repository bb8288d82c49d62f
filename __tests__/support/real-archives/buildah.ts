import { join } from "node:path";
import { containersRunner, writeContext, type Run } from "./run";
import { realArchive, type RealArchive, type RealImage, type RealTool } from "./types";

const NAME = "vendor.example/web:1";
const ARM = "vendor.example/web:arm";

export const buildah: RealTool = {
  tool: "buildah",
  programs: [["buildah", "apt-get install buildah"]],
  make: async (directory) => {
    const context = await writeContext(directory);
    const run = await containersRunner(join(directory, "buildah"));
    await run("buildah", "build", "--quiet", "--layers", "--isolation", "chroot", "--tag", NAME, context);
    const container = (await run("buildah", "from", "--arch", "arm64", "scratch")).trim();
    await run("buildah", "copy", "--quiet", container, join(context, "app"), "/");
    await run("buildah", "config", "--arch", "arm64", "--variant", "v8", container);
    await run("buildah", "commit", "--quiet", container, ARM);
    await run("buildah", "manifest", "create", "vendor.example/multi");
    for (const name of [NAME, ARM]) await run("buildah", "manifest", "add", "vendor.example/multi", name);
    const image = await inspect(run, NAME);
    const arm = await inspect(run, ARM);

    const archives: RealArchive[] = [];
    const push = async (
      form: string,
      transport: "docker-archive" | "oci-archive",
      compression: RealArchive["compression"],
      ...args: readonly string[]
    ): Promise<void> => {
      const path = join(directory, `buildah-${archives.length}.tar`);
      await run("buildah", "push", "--quiet", ...args, NAME, `${transport}:${path}:${NAME}`);
      archives.push(realArchive({ tool: "buildah", form, path, images: [image], compression }));
    };
    await push("docker-archive", "docker-archive", "none");
    await push("oci-archive", "oci-archive", "gzip");
    await push("oci-archive, compressed by zstd", "oci-archive", "zstd", "--compression-format", "zstd");

    const path = join(directory, "buildah-list.tar");
    await run("buildah", "manifest", "push", "--quiet", "--all", "vendor.example/multi", `oci-archive:${path}:${NAME}`);
    const images = [image, { ...arm, references: [NAME] }];
    const form = "oci-archive of a manifest list";
    return [...archives, realArchive({ tool: "buildah", form, path, images, compression: "gzip", isIndex: true })];
  },
};

async function inspect(run: Run, name: string): Promise<RealImage> {
  const image = JSON.parse(await run("buildah", "inspect", "--type", "image", name)) as {
    FromImageID: string;
    OCIv1: { os: string; architecture: string; rootfs: { diff_ids: readonly string[] } };
  };
  const { os, architecture, rootfs } = image.OCIv1;
  return {
    references: [name],
    platform: `${os}/${architecture}`,
    config: `sha256:${image.FromImageID}`,
    diffIds: rootfs.diff_ids,
  };
}

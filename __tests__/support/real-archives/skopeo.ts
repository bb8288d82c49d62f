import { createHash } from "node:crypto";
import { join } from "node:path";
import { writeImageArchive } from "../../../local/fixtures";
import { containersRunner, type Run } from "./run";
import { realArchive, type RealArchive, type RealImage, type RealTool } from "./types";

const NAME = "vendor.example/web:1";

export const skopeo: RealTool = {
  tool: "skopeo",
  programs: [["skopeo", "apt-get install skopeo"]],
  make: async (directory) => {
    const single = join(directory, "single.tar");
    const multi = join(directory, "multi.tar");
    await writeImageArchive({ path: single, references: [NAME] });
    const platforms = ["linux/amd64", "linux/arm64"];
    await writeImageArchive({ path: multi, references: [NAME], layout: "oci-layout", platforms, attestations: true });
    const run = await containersRunner(join(directory, "skopeo"));

    const archives: RealArchive[] = [];
    const copy = async (
      form: string,
      transport: "docker-archive" | "oci-archive",
      args: readonly string[] = [],
      references = [NAME],
    ): Promise<void> => {
      const path = join(directory, `skopeo-${archives.length}.tar`);
      const target = `${transport}:${path}:${NAME}`;
      await run("skopeo", "--insecure-policy", "copy", "--quiet", ...args, `docker-archive:${single}`, target);
      const image = await inspect(run, target, "amd64");
      archives.push(realArchive("skopeo", form, path, [{ ...image, references }]));
    };
    const latest = "vendor.example/web:latest";
    await copy("docker-archive", "docker-archive");
    await copy("docker-archive with two names", "docker-archive", ["--additional-tag", latest], [NAME, latest]);
    await copy("oci-archive", "oci-archive");
    await copy("oci-archive, not compressed", "oci-archive", ["--dest-oci-accept-uncompressed-layers"]);
    await copy("oci-archive, compressed by zstd", "oci-archive", ["--dest-compress-format", "zstd"]);

    const path = join(directory, "skopeo-index.tar");
    const target = `oci-archive:${path}:${NAME}`;
    await run("skopeo", "--insecure-policy", "copy", "--quiet", "--all", `oci-archive:${multi}`, target);
    const images: RealImage[] = [];
    for (const architecture of ["amd64", "arm64"]) images.push(await inspect(run, target, architecture));
    return [
      ...archives,
      realArchive("skopeo", "oci-archive of an index with attestations", path, images, { missing: [] }),
    ];
  },
};

async function inspect(run: Run, archive: string, architecture: string): Promise<RealImage> {
  const config = await run("skopeo", "--override-arch", architecture, "inspect", "--config", "--raw", archive);
  const { os, rootfs } = JSON.parse(config) as { os: string; rootfs: { diff_ids: readonly string[] } };
  return {
    references: [NAME],
    platform: `${os}/${architecture}`,
    config: `sha256:${createHash("sha256").update(config).digest("hex")}`,
    diffIds: rootfs.diff_ids,
  };
}

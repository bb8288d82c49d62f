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
    const oci = join(directory, "oci.tar");
    const multi = join(directory, "multi.tar");
    await writeImageArchive({ path: single, references: [NAME] });
    await writeImageArchive({ path: oci, references: [NAME], layout: "oci-layout" });
    const platforms = ["linux/amd64", "linux/arm64"];
    await writeImageArchive({ path: multi, references: [NAME], layout: "oci-layout", platforms, attestations: true });
    const run = await containersRunner(join(directory, "skopeo"));

    const archives: RealArchive[] = [];
    const copy = async (
      form: string,
      source: string,
      transport: "docker-archive" | "oci-archive",
      compression: RealArchive["compression"],
      args: readonly string[] = [],
      references = [NAME],
    ): Promise<void> => {
      const path = join(directory, `skopeo-${archives.length}.tar`);
      const target = `${transport}:${path}:${NAME}`;
      await run("skopeo", "--insecure-policy", "copy", "--quiet", ...args, source, target);
      const images = [{ ...(await inspect(run, target, "amd64")), references }];
      archives.push(realArchive({ tool: "skopeo", form, path, images, compression }));
    };
    const docker = `docker-archive:${single}`;
    const latest = "vendor.example/web:latest";
    const additional = ["--additional-tag", latest];
    await copy("docker-archive", docker, "docker-archive", "none");
    await copy("docker-archive with two names", docker, "docker-archive", "none", additional, [NAME, latest]);
    await copy("oci-archive", docker, "oci-archive", "gzip");
    await copy("oci-archive, compressed by zstd", docker, "oci-archive", "zstd", ["--dest-compress-format", "zstd"]);
    const uncompressed = ["--dest-oci-accept-uncompressed-layers"];
    await copy("oci-archive, not compressed", `oci-archive:${oci}`, "oci-archive", "none", uncompressed);

    const path = join(directory, "skopeo-index.tar");
    const target = `oci-archive:${path}:${NAME}`;
    await run("skopeo", "--insecure-policy", "copy", "--quiet", "--all", `oci-archive:${multi}`, target);
    const images: RealImage[] = [];
    for (const architecture of ["amd64", "arm64"]) images.push(await inspect(run, target, architecture));
    const form = "oci-archive of an index with attestations";
    return [...archives, realArchive({ tool: "skopeo", form, path, images, compression: "gzip", isIndex: true })];
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

import { join } from "node:path";
import { startDocker } from "../../../local/docker";
import { runner, writeContext, type Run } from "./run";
import { realArchive, type RealArchive, type RealImage, type RealTool } from "./types";

const FIRST = "vendor.example/web:1";
const SECOND = "vendor.example/worker:1";

export const docker: RealTool = {
  tool: "docker",
  programs: [
    ["dockerd", "apt-get install docker.io"],
    ["docker", "apt-get install docker.io"],
  ],
  make: async (directory) => {
    const context = await writeContext(directory);
    // No registry is reached: port 9 of loopback has nobody.
    const daemon = await startDocker({
      directory: join(directory, "docker"),
      proxyUrl: "http://127.0.0.1:9",
      caFile: "/dev/null",
    });
    try {
      return await save(runner(directory, { DOCKER_HOST: daemon.host, DOCKER_BUILDKIT: "0" }), directory, context);
    } finally {
      await daemon.close();
    }
  },
};

async function save(run: Run, directory: string, context: string): Promise<RealArchive[]> {
  await run("docker", "build", "--quiet", "--tag", FIRST, context);
  await run("tar", "-cf", "layer.tar", "-C", context, "app");
  await run("docker", "import", "layer.tar", SECOND);
  await run("docker", "tag", FIRST, "vendor.example/web:latest");
  const first = await inspect(run, FIRST);
  const second = await inspect(run, SECOND);

  const archives: RealArchive[] = [];
  const add = async (form: string, names: readonly string[], images: readonly RealImage[]): Promise<void> => {
    const path = join(directory, `docker-${archives.length}.tar`);
    await run("docker", "save", "--output", path, ...names);
    archives.push(realArchive({ tool: "docker", form, path, images }));
  };
  await add("docker-archive", [FIRST], [{ ...first, references: [FIRST] }]);
  await add("docker-archive of an image without a name", [first.config], [{ ...first, references: [] }]);
  const names = [FIRST, "vendor.example/web:latest"];
  await add(
    "docker-archive of two images, one with two names",
    [...names, SECOND],
    [
      { ...first, references: names },
      { ...second, references: [SECOND] },
    ],
  );
  return archives;
}

async function inspect(run: Run, name: string): Promise<Omit<RealImage, "references">> {
  const [image] = JSON.parse(await run("docker", "image", "inspect", name)) as [
    { Id: string; Os: string; Architecture: string; RootFS: { Layers: readonly string[] } },
  ];
  return { platform: `${image.Os}/${image.Architecture}`, config: image.Id, diffIds: image.RootFS.Layers };
}

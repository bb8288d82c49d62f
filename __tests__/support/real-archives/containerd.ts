import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeImageArchive } from "../../../local/fixtures";
import { until } from "../until";
import { runner, type Run } from "./run";
import { realArchive, type RealArchive, type RealImage, type RealTool } from "./types";

const NAME = "vendor.example/web:1";
const DAEMON = "containerd";

/** What docker's own saves are made of since it has containerd's image store: images with compressed layers, as they were pulled. */
export const containerd: RealTool = {
  tool: "containerd",
  programs: [
    [DAEMON, "apt-get install docker.io"],
    ["ctr", "apt-get install docker.io"],
  ],
  make: async (directory) => {
    const daemon = await startContainerd(join(directory, "containerd"));
    try {
      return await save(daemon.ctr, directory);
    } finally {
      await daemon.close();
    }
  },
};

async function save(ctr: Ctr, directory: string): Promise<RealArchive[]> {
  const source = join(directory, "source.tar");
  const archives: RealArchive[] = [];
  const add = async (
    form: string,
    compression: RealArchive["compression"],
    all: boolean,
    platforms: number,
  ): Promise<void> => {
    const path = join(directory, `containerd-${archives.length}.tar`);
    await ctr("images", "export", ...(all ? ["--all-platforms"] : []), path, NAME);
    const { isIndex, images } = await inspect(ctr);
    const missing = images.slice(platforms).map(({ platform }) => platform);
    const saved = images.slice(0, platforms);
    archives.push(realArchive({ tool: "containerd", form, path, images: saved, compression, isIndex, missing }));
  };
  await writeImageArchive({ path: source, references: [NAME] });
  await ctr("images", "import", source);
  await add("docker's manifest in an OCI layout", "none", false, 1);

  const platforms = ["linux/amd64", "linux/arm64"];
  const options = { references: [NAME], layout: "containerd", platforms, attestations: true } as const;
  await writeImageArchive({ path: source, ...options });
  await ctr("images", "import", "--all-platforms", "--no-unpack", source);
  await add("an index of all its platforms", "gzip", true, 2);
  await add("an index of which one platform is there", "gzip", false, 1);
  return archives;
}

type Ctr = (...args: readonly string[]) => Promise<string>;

/** Starts containerd (Debian's package of that name; it needs root) with a socket and folders of its own. */
async function startContainerd(directory: string): Promise<{ ctr: Ctr; close: () => Promise<void> }> {
  await mkdir(directory, { recursive: true });
  const address = join(directory, "containerd.sock");
  const config = [
    "version = 2",
    `root = "${directory}/root"`,
    `state = "${directory}/state"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    "[grpc]",
    `address = "${address}"`,
  ];
  await writeFile(join(directory, "config.toml"), config.join("\n"));
  const daemon = spawn(DAEMON, ["--config", join(directory, "config.toml")], { stdio: "ignore" });
  const ended = once(daemon, "exit");
  const run: Run = runner(directory);
  const ctr: Ctr = (...args) => run("ctr", "--address", address, "--namespace", "real", ...args);
  const close = async (): Promise<void> => {
    daemon.kill("SIGTERM");
    await ended;
  };
  try {
    await until("containerd answers", () => ctr("version").catch(() => undefined), 30_000);
  } catch (error) {
    await close();
    throw error;
  }
  return { ctr, close };
}

interface Descriptor {
  readonly digest: string;
  readonly platform?: { readonly os: string; readonly architecture: string };
}

async function inspect(ctr: Ctr): Promise<{ isIndex: boolean; images: readonly RealImage[] }> {
  const line = (await ctr("images", "list", `name==${NAME}`)).trim().split("\n")[1] ?? "";
  const digest = /sha256:[0-9a-f]{64}/.exec(line)?.[0] ?? "";
  const read = async (blob: string): Promise<unknown> => JSON.parse(await ctr("content", "get", blob));
  const { manifests } = (await read(digest)) as { manifests?: readonly Descriptor[] };
  const images: RealImage[] = [];
  for (const one of manifests ?? [{ digest }]) {
    if (one.platform?.os === "unknown") continue;
    const { config } = (await read(one.digest)) as { config: Descriptor };
    const { os, architecture, rootfs } = (await read(config.digest)) as {
      os: string;
      architecture: string;
      rootfs: { diff_ids: readonly string[] };
    };
    const platform = `${os}/${architecture}`;
    images.push({ references: [NAME], platform, config: config.digest, diffIds: rootfs.diff_ids });
  }
  return { isIndex: manifests !== undefined, images };
}

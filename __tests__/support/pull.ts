import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { containersRunner, type Run } from "./real-archives/run";

export interface PullOptions {
  /** Of a registry without TLS on loopback: `http://127.0.0.1:40001`. */
  readonly url: string;
  readonly repository: string;
  readonly tag: string;
  /** `os/architecture[/variant]` to choose of an index. @default - this machine's */
  readonly platform?: string;
}

export interface PulledImage {
  /** `sha256:<hex>` of the configuration. */
  readonly config: string;
  /** Digests of the layers as the client has unpacked them, lowest first. */
  readonly diffIds: readonly string[];
}

/** Pulls and unpacks an image by podman, which needs root, into a storage of its own; reads a file of it. */
export async function pullWithPodman(options: PullOptions & { readonly file: string }): Promise<
  PulledImage & {
    /** What `file`, a path inside the image, holds. */
    readonly content: string;
  }
> {
  return inStorage(async (run) => {
    const { url, repository, tag, platform, file } = options;
    const reference = `${new URL(url).host}/${repository}:${tag}`;
    const choice = platform === undefined ? [] : ["--platform", platform];
    await run("podman", "pull", "--quiet", "--tls-verify=false", ...choice, reference);
    const [image] = JSON.parse(await run("podman", "image", "inspect", reference)) as [
      { Id: string; RootFS: { Layers: readonly string[] } },
    ];
    const root = (await run("podman", "image", "mount", reference)).trim();
    try {
      const content = await readFile(join(root, file), "utf8");
      return { config: `sha256:${image.Id}`, diffIds: image.RootFS.Layers, content };
    } finally {
      await run("podman", "image", "unmount", reference);
    }
  });
}

/** Pulls an image by skopeo, which decompresses each layer and hashes what comes out. */
export async function pullWithSkopeo(options: PullOptions): Promise<PulledImage> {
  return inStorage(async (run, directory) => {
    const { url, repository, tag, platform = "" } = options;
    const [os = "", architecture = "", variant = ""] = platform.split("/");
    const choice = [
      ["--override-os", os],
      ["--override-arch", architecture],
      ["--override-variant", variant],
    ].flatMap(([option = "", value = ""]) => (value === "" ? [] : [option, value]));
    const source = `docker://${new URL(url).host}/${repository}:${tag}`;
    const target = join(directory, "image");
    const decompress = ["--src-tls-verify=false", "--dest-decompress"];
    await run("skopeo", ...choice, "--insecure-policy", "copy", "--quiet", ...decompress, source, `dir:${target}`);
    const { config, layers } = JSON.parse(await readFile(join(target, "manifest.json"), "utf8")) as {
      config: { digest: string };
      layers: readonly { digest: string }[];
    };
    return { config: config.digest, diffIds: layers.map(({ digest }) => digest) };
  });
}

async function inStorage<T>(use: (run: Run, directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "pull-"));
  try {
    return await use(await containersRunner(directory), directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

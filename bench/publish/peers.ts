import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startDocker, type Docker } from "../../local/docker";
import type { ImageFile } from "./images";
import { timed } from "./processes";

/** Another way from an archive to a registry. */
export interface Peer {
  readonly name: string;
  /** Seconds from the archive to the tag in the registry. */
  push(image: ImageFile, destination: string): Promise<number>;
  /** Forgets the images that it holds, so that the next push is a first one. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

/** What people do by hand: `docker load`, `docker tag`, `docker push`. The daemon runs already, as in a privileged build. */
export async function dockerPeer(directory: string): Promise<Peer> {
  // The registry is this machine's: no proxy is asked.
  const daemon = (): Promise<Docker> => startDocker({ directory: join(directory, "docker"), proxyUrl: "", caFile: "" });
  let docker = await daemon();
  const run = async (...args: string[]): Promise<number> =>
    (await timed("docker", args, { env: { ...process.env, DOCKER_HOST: docker.host } })).seconds;
  return {
    name: "docker load + tag + push",
    push: async ({ path, reference }, destination) => {
      const load = await run("load", "--quiet", "--input", path);
      const tag = await run("tag", reference, destination);
      return load + tag + (await run("push", "--quiet", destination));
    },
    forget: async () => {
      await docker.close();
      docker = await daemon();
    },
    close: () => docker.close(),
  };
}

export async function skopeoPeer(directory: string): Promise<Peer> {
  const temporary = join(directory, "skopeo");
  await mkdir(temporary, { recursive: true });
  return {
    name: "skopeo copy",
    push: async ({ path, reference }, destination) => {
      const args = ["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"];
      const [source, target] = [`docker-archive:${path}:${reference}`, `docker://${destination}`];
      return (await timed("skopeo", [...args, source, target], { env: { ...process.env, TMPDIR: temporary } })).seconds;
    },
    forget: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

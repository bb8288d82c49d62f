import { findProgram } from "../../core/programs";
import { say, type PublishBench } from "./bench";
import { makeImage } from "./images";
import { dockerPeer, skopeoPeer } from "./peers";
import { median, rounded } from "./processes";
import type { PublisherOptions } from "./publisher";
import { startBenchRegistry } from "./registry";

/** Into an empty registry. */
export async function measureFirstPush({ directory, rounds, bytes, publisher }: PublishBench): Promise<object> {
  const image = await makeImage({ directory, bytes, label: "aaaaaa1" });
  const ours: Record<string, PublisherOptions> = {
    "gzip by Node": {},
    ...((await findProgram("igzip")) !== undefined && { "gzip by igzip": { programs: ["igzip"] } }),
    "zstd by Node": { args: ["--compression", "zstd"] },
    "as it is": { args: ["--compression", "keep"] },
  };
  const peers = [await dockerPeer(directory), await skopeoPeer(directory)];
  const seconds: Record<string, number[]> = {};
  const note = (name: string, taken: number): void => {
    (seconds[name] ??= []).push(taken);
    say(`first push, ${name}: ${taken.toFixed(2)} s`);
  };
  try {
    for (let round = 0; round < rounds; round++) {
      for (const peer of peers) {
        const registry = await startBenchRegistry(directory);
        await peer.forget();
        note(peer.name, await peer.push(image, `${registry.host}/bench/api:aaaaaa1`));
        await registry.close();
      }
      for (const [name, options] of Object.entries(ours)) {
        const registry = await startBenchRegistry(directory);
        note(name, (await publisher.publish(image.path, `${registry.host}/bench/api:aaaaaa1`, options)).seconds);
        await registry.close();
      }
    }
  } finally {
    for (const peer of peers) await peer.close();
  }
  const medians = Object.fromEntries(Object.entries(seconds).map(([name, all]) => [name, median(all)]));
  const [docker = NaN, skopeo = NaN] = peers.map(({ name }) => medians[name] ?? NaN);
  return Object.fromEntries(
    Object.entries(medians).map(([name, taken]) => [
      name,
      { seconds: rounded(taken), timesDocker: rounded(docker / taken), timesSkopeo: rounded(skopeo / taken) },
    ]),
  );
}

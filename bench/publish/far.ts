import { rm } from "node:fs/promises";
import { findProgram } from "../../core/programs";
import { say, type PublishBench } from "./bench";
import { startCountingProxy } from "./counting-proxy";
import { makeImage } from "./images";
import { skopeoPeer } from "./peers";
import { median, rounded } from "./processes";
import { startBenchRegistry } from "./registry";

const LAYERS = [6, 30, 100];
/** Milliseconds until a request reaches the registry: what one takes that is not on the same machine, and looks into a database. */
const DELAY = 30;

/** A first push to a registry that answers later, where what counts is how many requests wait for each other. */
export async function measureFar(bench: PublishBench): Promise<object> {
  const { directory, bytes, rounds, publisher } = bench;
  const programs = (await findProgram("igzip")) === undefined ? [] : ["igzip"];
  const skopeo = await skopeoPeer(directory);
  const rows: object[] = [];
  for (const layers of LAYERS) {
    const shares = Array.from({ length: layers }, () => 1 / layers);
    const image = await makeImage({ directory, bytes, shares, label: "ddddddd" });
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      theirs.push(await behindDelay(directory, (host) => skopeo.push(image, `${host}/bench/api:ddddddd`)));
      ours.push(
        await behindDelay(
          directory,
          async (host) => (await publisher.publish(image.path, `${host}/bench/api:ddddddd`, { programs })).seconds,
        ),
      );
    }
    await rm(image.path);
    const [seconds, skopeoSeconds] = [median(ours), median(theirs)];
    say(`far, ${layers} layers: ${seconds.toFixed(2)} s, skopeo copy: ${skopeoSeconds.toFixed(2)} s`);
    const timesSkopeo = rounded(skopeoSeconds / seconds);
    rows.push({ layers, seconds: rounded(seconds), skopeoSeconds: rounded(skopeoSeconds), timesSkopeo });
  }
  await skopeo.close();
  return { delayMs: DELAY, rows };
}

async function behindDelay(directory: string, push: (host: string) => Promise<number>): Promise<number> {
  const registry = await startBenchRegistry(directory);
  const proxy = await startCountingProxy(registry.host, DELAY);
  try {
    return await push(proxy.host);
  } finally {
    proxy.close();
    await registry.close();
  }
}

import { rm } from "node:fs/promises";
import { say, type PublishBench } from "./bench";
import { makeImage, SHARES } from "./images";
import { rounded } from "./processes";
import { startBenchRegistry } from "./registry";
import { findProgram } from "../../core/programs";

const LAYERS = [1, 6, 30, 100];

interface Row {
  readonly layers: number;
  readonly mb: number;
  readonly seconds: number;
  /** Most memory of the process, without that of igzip. */
  readonly peakMb: number;
}

/** What a first push takes, by the number of layers and by the size of the image. */
export async function measureGrowth(bench: PublishBench, largest: number): Promise<object> {
  const byLayers: Row[] = [];
  for (const count of LAYERS)
    byLayers.push(
      await measure(
        bench,
        bench.bytes,
        Array.from({ length: count }, () => 1 / count),
      ),
    );
  const bySize: Row[] = [];
  for (const bytes of [50e6, bench.bytes, 1e9, largest]) bySize.push(await measure(bench, bytes, SHARES));
  return { byLayers, bySize };
}

async function measure({ directory, publisher }: PublishBench, bytes: number, shares: readonly number[]): Promise<Row> {
  const image = await makeImage({ directory, bytes, shares, label: "cccccc1" });
  const registry = await startBenchRegistry(directory);
  try {
    const programs = (await findProgram("igzip")) === undefined ? [] : ["igzip"];
    const { seconds, peak } = await publisher.publish(image.path, `${registry.host}/bench/api:cccccc1`, { programs });
    const row = {
      layers: shares.length,
      mb: Math.round(image.bytes / 1e6),
      seconds: rounded(seconds),
      peakMb: Math.round(peak),
    };
    say(`growth, ${row.layers} layers, ${row.mb} MB: ${row.seconds} s, ${row.peakMb} MB of memory`);
    return row;
  } finally {
    await registry.close();
    await rm(image.path);
  }
}

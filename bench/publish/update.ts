import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { findProgram } from "../../core/programs";
import { startMoto } from "../../local/moto";
import { say, type PublishBench } from "./bench";
import { startCountingProxy } from "./counting-proxy";
import { makeImage, zipped } from "./images";
import { dockerPeer, skopeoPeer } from "./peers";
import { median, rounded, timed } from "./processes";
import type { PublisherOptions } from "./publisher";
import { keepRegistry, startBenchRegistry } from "./registry";

const REPOSITORY = "bench/api";
const MOVING = ["--moving-tag", "staging"];

/** A registry that holds an image, and the same image with another uppermost layer. */
export async function measureUpdate(bench: PublishBench): Promise<object> {
  const { root, directory, rounds, bytes, publisher } = bench;
  const before = await makeImage({ directory, bytes, label: "bbbbbb1" });
  const after = await makeImage({ directory, bytes, label: "bbbbbb2" });
  const programs = (await findProgram("igzip")) === undefined ? [] : ["igzip"];
  const seconds: Record<string, number[]> = {};
  const note = (name: string, taken: number): void => {
    (seconds[name] ??= []).push(taken);
    say(`update, ${name}: ${taken.toFixed(3)} s`);
  };

  const first = await startBenchRegistry(directory);
  await publisher.publish(before.path, `${first.host}/${REPOSITORY}:bbbbbb1`, { args: MOVING });
  const content = await keepRegistry(first, join(directory, "published"));
  await first.close();

  const peers = [await dockerPeer(directory), await skopeoPeer(directory)];
  try {
    for (let round = 0; round < rounds; round++) {
      for (const peer of peers) {
        // A build begins with an empty daemon and an empty cache, whatever the registry holds.
        const registry = await startBenchRegistry(directory, content);
        await peer.forget();
        note(peer.name, await peer.push(after, `${registry.host}/${REPOSITORY}:bbbbbb2`));
        await registry.close();
      }
    }
  } finally {
    for (const peer of peers) await peer.close();
  }

  /** One update into a registry that holds the image before it. */
  const update = async (source: string, { args = [], ...options }: PublisherOptions = {}) => {
    const registry = await startBenchRegistry(directory, content);
    try {
      return await publisher.publish(source, `${registry.host}/${REPOSITORY}:bbbbbb2`, {
        args: [...MOVING, ...args],
        ...options,
      });
    } finally {
      await registry.close();
    }
  };
  let changed = 0;
  let sent = 0;
  for (let round = 0; round < rounds; round++) {
    const byNode = await update(after.path);
    note("tar", byNode.seconds);
    sent = byNode.report.sent;
    changed = byNode.report.layers.reduce(
      (sum, layer) => sum + (layer.how === "sent" ? (layer.storedSize ?? 0) : 0),
      0,
    );
    if (programs.length > 0) note("tar, igzip", (await update(after.path, { programs })).seconds);
    note("tar, zstd", (await update(after.path, { args: ["--compression", "zstd"] })).seconds);
  }

  const deflated = await zipped(after, "deflate");
  // Up to docker 24, the names in an archive do not tell which layer a file is: all are kept until the list at its end is read.
  const nameless = await zipped(await makeImage({ directory, bytes, label: "bbbbbb2", layout: "legacy" }), "deflate");
  for (let round = 0; round < rounds; round++) {
    const inflate = ["-e", INFLATE, deflated];
    note("inflating alone", (await timed(bench.node, inflate, { cwd: root })).seconds);
    note("deflated zip", (await update(deflated)).seconds);
    note("deflated zip of docker 24", (await update(nameless)).seconds);
  }

  const again = await measureAgain(bench, content, before.path);
  const s3 = await measureRanges(root, await zipped(after, "store"), update);
  const medians = Object.fromEntries(Object.entries(seconds).map(([name, all]) => [name, median(all)]));
  const of = (name: string): number => medians[name] ?? NaN;
  const docker = of(peers[0]?.name ?? "");
  return {
    seconds: Object.fromEntries(Object.entries(medians).map(([name, taken]) => [name, rounded(taken)])),
    tarTimesDocker: rounded(docker / of("tar")),
    ...(programs.length > 0 && { tarByIgzipTimesDocker: rounded(docker / of("tar, igzip")) }),
    tarByZstdTimesDocker: rounded(docker / of("tar, zstd")),
    changedLayerMb: rounded((after.layers.at(-1) ?? 0) / 1e6),
    sentPerChangedBlob: rounded(sent / changed),
    deflatedPerInflating: rounded(of("deflated zip") / of("inflating alone")),
    deflatedOfDocker24PerInflating: rounded(of("deflated zip of docker 24") / of("inflating alone")),
    sameImageAgain: again,
    fromS3: s3,
  };
}

/** The member of a zip through the inflater that the publisher has, and nothing else. */
const INFLATE = `
const { fromRandomAccessReaderPromise, openPromise } = require("yauzl");
const { createReadStream } = require("node:fs");
const { createInflateRaw } = require("node:zlib");
(async () => {
  const file = process.argv[1];
  const zip = await openPromise(file, { autoClose: false });
  for await (const entry of zip.eachEntry()) {
    const { fileDataStart: start } = await zip.readLocalFileHeaderPromise(entry);
    const end = start + entry.compressedSize - 1;
    const inflated = createReadStream(file, { start, end, highWaterMark: 1 << 20 }).pipe(createInflateRaw({ chunkSize: 1 << 20 }));
    for await (const _ of inflated);
  }
  zip.close();
})();
`;

async function measureAgain({ directory, rounds, publisher }: PublishBench, content: string, archive: string) {
  const registry = await startBenchRegistry(directory, content);
  const proxy = await startCountingProxy(registry.host);
  const seconds: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      proxy.requests.length = 0;
      seconds.push((await publisher.publish(archive, `${proxy.host}/${REPOSITORY}:bbbbbb1`, { args: MOVING })).seconds);
    }
    const blobs = proxy.requests.filter((request) => request.includes("/blobs/")).length;
    return { seconds: rounded(median(seconds)), requests: proxy.requests.length, blobRequests: blobs };
  } finally {
    proxy.close();
    await registry.close();
  }
}

/** What of a stored zip is fetched from S3, here the emulator. */
async function measureRanges(
  root: string,
  zip: string,
  update: (source: string, options: { env: NodeJS.ProcessEnv }) => Promise<{ seconds: number }>,
) {
  const moto = await startMoto({ directory: root });
  const proxy = await startCountingProxy(new URL(moto.url).host);
  const access = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_REGION: "us-east-1" };
  const s3 = new S3Client({
    endpoint: moto.url,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    forcePathStyle: true,
    // The emulator takes minutes to read a large body that carries its checksum behind it.
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  try {
    const { size } = await stat(zip);
    await s3.send(new CreateBucketCommand({ Bucket: "drops" }));
    await s3.send(
      new PutObjectCommand({ Bucket: "drops", Key: "api.zip", Body: createReadStream(zip), ContentLength: size }),
    );
    const { seconds } = await update("s3://drops/api.zip", {
      env: { ...access, AWS_ENDPOINT_URL_S3: `http://${proxy.host}` },
    });
    say(`update, stored zip in S3: ${seconds.toFixed(3)} s, ${proxy.received} of ${size} bytes`);
    return {
      seconds: rounded(seconds),
      requests: proxy.requests.length,
      objectMb: rounded(size / 1e6),
      fetchedShare: rounded(proxy.received / size),
    };
  } finally {
    s3.destroy();
    proxy.close();
    await moto.close();
  }
}

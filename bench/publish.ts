import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../core/programs";
import { parseOptions, UsageError } from "../core/usage";
import { measureFar } from "./publish/far";
import { measureFirstPush } from "./publish/first-push";
import { measureGrowth } from "./publish/growth";
import { measureUpdate } from "./publish/update";
import { nodeOfBuilds } from "../local/node-of-builds";
import { createPublisher } from "./publish/publisher";

const root = join(__dirname, "..");
const MIN_ROUNDS = 3;
const CASES = ["first", "update", "far", "growth"] as const;

export const help = `npm run bench -- publish [--rounds N] [--mb N] [--large-mb N] [--only first,update,far,growth]

From an image archive on the disk to a tag in a real registry on this machine (docker-registry): the publisher in a process of its own,
docker load + tag + push with a daemon that runs already, and skopeo copy, in turns; medians. The image has six layers of this
machine's files, the update changes the uppermost.

  first     into an empty registry, by each compressor
  update    the same image with another uppermost layer; from a tar, from a stored zip in S3 by ranges, from a deflated zip; the same again
  far       a first push of more layers to a registry that answers 30 ms later, and by skopeo
  growth    by number of layers and by size, with the most memory that is taken

  --rounds N    default 3, at least ${MIN_ROUNDS}
  --mb N        of the image, default 325
  --large-mb N  the largest image of growth, default 5000

Needs Debian's docker-registry, docker.io (as root), skopeo; with isal (igzip) one row more. The publisher runs by Node.js 22, as in
builds; where this one is older, npm installs one below .local/.
`;

export async function run(args: readonly string[]): Promise<object> {
  const values = parseOptions(args, {
    rounds: { type: "string", default: "3" },
    mb: { type: "string", default: "325" },
    "large-mb": { type: "string", default: "5000" },
    only: { type: "string", default: CASES.join() },
  });
  const rounds = Number(values.rounds);
  if (!(rounds >= MIN_ROUNDS)) throw new UsageError(`--rounds must be at least ${MIN_ROUNDS}, got: ${values.rounds}`);
  const cases = values.only.split(",");
  for (const each of cases)
    if (!CASES.some((known) => known === each))
      throw new UsageError(`--only must name ${CASES.join(", ")}, got: ${each}`);
  for (const program of ["docker-registry", "dockerd", "skopeo"])
    if ((await findProgram(program)) === undefined)
      throw new Error(`no ${program} on the PATH: apt-get install docker-registry docker.io skopeo isal`);

  const directory = await mkdtemp(join(tmpdir(), "bench-publish-"));
  try {
    const node = await nodeOfBuilds(root);
    const publisher = createPublisher(directory, node);
    const bench = { root, directory, rounds, bytes: Number(values.mb) * 1e6, publisher, node };
    return {
      bench: "publish",
      rounds,
      mb: Number(values.mb),
      ...(cases.includes("first") && { first: await measureFirstPush(bench) }),
      ...(cases.includes("update") && { update: await measureUpdate(bench) }),
      ...(cases.includes("far") && { far: await measureFar(bench) }),
      ...(cases.includes("growth") && { growth: await measureGrowth(bench, Number(values["large-mb"]) * 1e6) }),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

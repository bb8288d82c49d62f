import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { proveImage, readArchive } from "../../local/proof";
import { startPlainRegistry, type PlainRegistry } from "../support/plain-registry";
import { runCommand } from "../support/publish-command";
import { REAL_TOOLS, type RealArchive, type RealImage } from "../support/real-archives";
import { requires } from "../support/requires";

jest.setTimeout(120_000);

let directory: string;
let registry: PlainRegistry;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "real-archives-"));
  registry = await startPlainRegistry(join(directory, "registry"));
});
afterAll(async () => {
  await registry.close();
  await rm(directory, { recursive: true, force: true });
});

type Content = Pick<RealArchive, "isIndex" | "missing" | "images"> & { readonly compressions: readonly string[] };

/** What the proof's own reader finds in an archive. */
async function read(archive: RealArchive): Promise<Content> {
  const listed = await readArchive({ archive: archive.path });
  const opened = listed.map((one) => ({ references: one.references, image: one.read() }));
  const images = opened.flatMap(({ image, references }) =>
    (image.kind === "index" ? image.images : [image])
      .filter(({ attests }) => attests === undefined)
      .map((one) => ({ ...one, references })),
  );
  return {
    isIndex: opened.some(({ image }) => image.kind === "index"),
    missing: opened.flatMap(({ image }) => (image.kind === "index" ? image.missing : [])),
    compressions: [...new Set(images.flatMap(({ layers }) => layers.map(({ compression }) => compression)))],
    images: images
      .map(({ references, platform, configDigest, diffIds = [] }) => ({
        references,
        platform,
        config: configDigest,
        diffIds,
      }))
      .sort(byConfig),
  };
}

const byConfig = (one: RealImage, other: RealImage): number => one.config.localeCompare(other.config);

describe.each(REAL_TOOLS.map((tool) => [tool.tool, tool] as const))("archives by %s", (name, { programs, make }) => {
  const isHere = programs.map(([program, install]) => requires(program, install)).every(Boolean);

  let archives: readonly RealArchive[];
  beforeAll(async () => {
    const folder = join(directory, name);
    await mkdir(folder);
    archives = isHere ? await make(folder) : [];
  }, 60_000);

  (isHere ? test : test.skip)("hold what the tool says they hold", async () => {
    expect(archives.length).toBeGreaterThan(2);
    for (const archive of archives) {
      const { form, isIndex, missing, compression } = archive;
      const images = [...archive.images].sort(byConfig).map((image) => ({
        ...image,
        references: expect.arrayContaining([...image.references]) as string[],
      }));
      const content = { isIndex, missing, compressions: [compression], images };
      expect({ form, ...(await read(archive)) }).toEqual({ form, ...content });
    }
  });

  (isHere ? test : test.skip)("are published as they are, each image of them", async () => {
    let published = 0;
    for (const { path, form, missing, images } of archives) {
      const listed = await readArchive({ archive: path });
      for (const { references } of listed) {
        const [reference] = references;
        const several = listed.length > 1;
        if (several && reference === undefined) continue;
        const repository = `real/${name}-${++published}`;
        const choice = several && reference !== undefined ? ["--image", reference] : [];
        const run = await runCommand(path, `${registry.url.host}/${repository}:1`, ...choice);
        if (run.code !== 0) throw new Error(`${name}, ${form}: ${run.stderr}`);
        await proveImage({
          archive: path,
          ...(several && reference !== undefined && { reference }),
          // An index that is left with one image is published as that image.
          ...(missing.length > 0 && images[0] && images.length === 1 && { platform: images[0].platform }),
          registry: { host: registry.url.host, plainHttp: true, repository, tag: "1" },
        });
      }
    }
    expect(published).toBeGreaterThanOrEqual(archives.length);
  });
});

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readArchive } from "../../local/proof";
import { REAL_TOOLS, type RealArchive, type RealImage } from "../support/real-archives";
import { requires } from "../support/requires";

jest.setTimeout(120_000);

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "real-archives-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What the proof's own reader finds in an archive. */
async function read(archive: RealArchive): Promise<{ images: RealImage[]; isIndex: boolean; missing: string[] }> {
  const listed = await readArchive({ archive: archive.path });
  const opened = listed.map((one) => ({ ...one, image: one.read() }));
  return {
    isIndex: opened.some(({ image }) => image.kind === "index"),
    missing: opened.flatMap(({ image }) => (image.kind === "index" ? image.missing : [])),
    images: opened.flatMap(({ image, references }) =>
      (image.kind === "index" ? image.images : [image])
        .filter(({ attests }) => attests === undefined)
        .map(({ platform, configDigest, diffIds = [] }) => ({ references, platform, config: configDigest, diffIds })),
    ),
  };
}

const byConfig = (one: RealImage, other: RealImage): number => one.config.localeCompare(other.config);

describe.each(REAL_TOOLS.map((tool) => [tool.tool, tool] as const))("archives by %s", (name, { programs, make }) => {
  const isHere = programs.map(([program, install]) => requires(program, install)).every(Boolean);

  (isHere ? test : test.skip)("hold what the tool says they hold", async () => {
    const folder = join(directory, name);
    await mkdir(folder);
    const archives = await make(folder);
    expect(archives.length).toBeGreaterThan(2);
    for (const archive of archives) {
      const { images, isIndex, missing } = await read(archive);
      const { form } = archive;
      const named = [...archive.images].sort(byConfig).map((image) => ({
        ...image,
        references: expect.arrayContaining([...image.references]) as string[],
      }));
      expect({ form, isIndex, missing, images: images.sort(byConfig) }).toEqual({
        form,
        isIndex: archive.isIndex,
        missing: archive.missing,
        images: named,
      });
    }
  });
});

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createEmbeddedStorage } from "../../local/registry/embedded";
import { startDockerRegistry } from "../../local/registry/docker-registry";
import type { Answer, Storage } from "../../local/registry/storage";
import { sha256 } from "../support/registry-client";
import { requires } from "../support/requires";

const BLOB = Buffer.from("0123456789");

describe("the embedded storage", () => {
  let directory: string;
  let storage: Storage;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "storage-"));
    storage = createEmbeddedStorage(directory);
  });
  afterEach(() => rm(directory, { recursive: true }));

  const upload = (id: string, method: string, body: Readable, headers = {}, query = ""): Promise<Answer> =>
    storage.serve({
      method,
      route: { kind: "upload", repository: "app", id },
      query: new URLSearchParams(query),
      headers,
      body,
    });
  const start = async (): Promise<string> => {
    const answer = await storage.serve({
      method: "POST",
      route: { kind: "uploads", repository: "app" },
      query: new URLSearchParams(),
      headers: {},
      body: Readable.from([]),
    });
    return answer.headers["docker-upload-uuid"]!;
  };
  const bytes = (content: Buffer): Readable => Readable.from([content]);

  test("an upload that was cut goes on from the last byte that came", async () => {
    const id = await start();
    const cut = Readable.from(
      (function* () {
        yield BLOB.subarray(0, 4);
        throw new Error("connection reset");
      })(),
    );
    await expect(upload(id, "PATCH", cut)).rejects.toThrow("connection reset");
    const state = await upload(id, "GET", Readable.from([]));
    expect([state.status, state.headers.range]).toEqual([204, "0-3"]);
    const rest = { "content-range": "4-9" };
    expect((await upload(id, "PATCH", bytes(BLOB.subarray(4)), rest)).headers.range).toBe("0-9");
    const finished = await upload(id, "PUT", Readable.from([]), {}, `digest=${sha256(BLOB)}`);
    expect([finished.status, finished.headers["docker-content-digest"]]).toEqual([201, sha256(BLOB)]);
  });

  test.each(["0-3", "5-9", "bytes 3-9/10", "nonsense"])("a chunk %s after 4 bytes is refused", async (range) => {
    const id = await start();
    await upload(id, "PATCH", bytes(BLOB.subarray(0, 4)));
    await expect(upload(id, "PATCH", bytes(BLOB), { "content-range": range })).rejects.toMatchObject({
      status: 416,
      code: "BLOB_UPLOAD_INVALID",
      message: expect.stringMatching(/^First byte of the layer part is (0|5|3|NaN) instead of 4$/) as string,
    });
    expect((await upload(id, "GET", Readable.from([]))).headers.range).toBe("0-3");
  });

  test("two requests do not write to one upload at once", async () => {
    const id = await start();
    const slow = new Readable({ read: () => undefined });
    const first = upload(id, "PATCH", slow);
    await expect(upload(id, "PATCH", bytes(BLOB))).rejects.toMatchObject({ status: 409 });
    slow.push(BLOB);
    slow.push(null);
    expect((await first).headers.range).toBe("0-9");
  });

  test("a cancelled upload is gone, its file too", async () => {
    const id = await start();
    const file = join(directory, "app", "_uploads", id);
    expect(existsSync(file)).toBe(true);
    expect((await upload(id, "DELETE", Readable.from([]))).status).toBe(204);
    expect(existsSync(file)).toBe(false);
    await expect(upload(id, "GET", Readable.from([]))).rejects.toMatchObject({
      status: 404,
      code: "BLOB_UPLOAD_UNKNOWN",
    });
  });
});

describe("docker-registry as a child process", () => {
  test("a program that does not exist", async () => {
    await expect(startDockerRegistry({ directory: tmpdir(), program: "no-such-registry" })).rejects.toThrow(
      "docker-registry did not start: spawn no-such-registry ENOENT. Install it by `apt-get install docker-registry`",
    );
  });

  if (requires("docker-registry", "apt-get install docker-registry")) {
    test("two that start at once have a port each", async () => {
      const directory = await mkdtemp(join(tmpdir(), "docker-registry-"));
      const start = (name: string) => startDockerRegistry({ directory: join(directory, name) });
      const registries = await Promise.all([start("a"), start("b")]);
      expect(registries[0].url).not.toBe(registries[1].url);
      for (const registry of registries) {
        expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
        await registry.close();
      }
      await rm(directory, { recursive: true });
    });

    test("answers after start, and is gone after close", async () => {
      const directory = await mkdtemp(join(tmpdir(), "docker-registry-"));
      const registry = await startDockerRegistry({ directory });
      expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
      await registry.close();
      expect(() => process.kill(registry.pid, 0)).toThrow("ESRCH");
      await rm(directory, { recursive: true });
    });
  }
});

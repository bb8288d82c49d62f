import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256 } from "../../core/digest";
import { MEDIA_TYPES } from "../../core/registry/manifest";
import { Repository } from "../../core/registry/repository";
import { startDockerRegistry, type DockerRegistry } from "../../local/registry/docker-registry";
import { known, streamed } from "../support/blobs";
import { requires } from "../support/requires";

const describeIfInstalled = requires("docker-registry", "apt-get install docker-registry") ? describe : describe.skip;

const LARGE = randomBytes(4 * 1024 * 1024 + 1);
const CUT_AFTER = 2_000_000;

describeIfInstalled("docker's own registry", () => {
  let directory: string;
  let docker: DockerRegistry;
  let proxy: Server;
  let sockets: Set<Socket>;
  /** Whether the connection is still to break, once, when so many bytes have gone up. */
  let isCutting: boolean;
  let repository: Repository;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "registry-docker-"));
    docker = await startDockerRegistry({ directory });
  });
  afterAll(async () => {
    await docker.close();
    rmSync(directory, { recursive: true });
  });

  let repositories = 0;
  beforeEach(async () => {
    isCutting = false;
    sockets = new Set();
    const { port, hostname } = new URL(docker.url);
    proxy = createServer((socket) => {
      const upstream = connect(Number(port), hostname);
      sockets.add(socket).add(upstream);
      const close = (): void => {
        socket.destroy();
        upstream.destroy();
      };
      for (const end of [socket, upstream]) end.on("error", close).on("close", close);
      let sent = 0;
      socket.on("data", (chunk: Buffer) => {
        sent += chunk.length;
        if (!isCutting || sent < CUT_AFTER) return;
        isCutting = false;
        close();
      });
      socket.pipe(upstream).pipe(socket);
    });
    await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
    repository = new Repository({
      registry: new URL(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`),
      name: `tomofun/web-${++repositories}`,
      retry: { attempts: 3, baseDelay: 1, maxDelay: 5 },
    });
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => proxy.close(done));
  });

  test("takes blobs and a manifest, by digest and by tag", async () => {
    const config = Buffer.from('{"architecture":"amd64","os":"linux"}');
    const descriptor = (mediaType: string, bytes: Buffer): object => ({
      mediaType,
      size: bytes.length,
      digest: sha256(bytes),
    });
    await repository.uploadBytes(config);
    await repository.uploadStream("layer 1", streamed(LARGE).open);
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociManifest,
        config: descriptor("application/vnd.oci.image.config.v1+json", config),
        layers: [descriptor("application/vnd.oci.image.layer.v1.tar", LARGE)],
      }),
    );
    const manifest = { mediaType: MEDIA_TYPES.ociManifest, bytes };
    const digest = sha256(bytes);
    await repository.putManifest(digest, manifest);
    await repository.putManifest("0123abc", manifest);
    expect(await repository.headManifest("0123abc")).toEqual({ digest, mediaType: MEDIA_TYPES.ociManifest });
    expect(await repository.manifest("0123abc")).toEqual({ ...manifest, digest });
    expect(await repository.headManifest("other")).toBeUndefined();
    expect((await repository.blob(sha256(LARGE))).equals(LARGE)).toBe(true);
  });

  test("mounts", async () => {
    await repository.uploadBlob(known(LARGE));
    const other = new Repository({ registry: new URL(docker.url), name: "tomofun/other" });
    const { how } = await other.uploadBlob(known(LARGE), { mountFrom: [repository.name] });
    expect(how).toBe("mounted");
    expect((await other.blob(sha256(LARGE))).equals(LARGE)).toBe(true);
  });

  // It forgets an upload whose PATCH broke off (2.8: 404 BLOB_UPLOAD_INVALID), so it gets the blob from the start.
  test("gets a blob of known digest although the connection breaks", async () => {
    isCutting = true;
    const blob = known(LARGE);
    await repository.uploadBlob(blob);
    expect(blob.starts).toHaveLength(2);
    expect((await repository.blob(sha256(LARGE))).equals(LARGE)).toBe(true);
  });

  test("gets a streamed blob although the connection breaks", async () => {
    isCutting = true;
    const blob = streamed(LARGE);
    await repository.uploadStream("layer 1", blob.open);
    expect(blob.opened()).toBe(2);
    expect((await repository.blob(sha256(LARGE))).equals(LARGE)).toBe(true);
  });
});

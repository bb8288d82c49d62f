import { Readable } from "node:stream";
import { sha256 } from "../../core/digest";
import { checkLayerCount } from "../../core/registry/limits";
import { MEDIA_TYPES } from "../../core/registry/manifest";
import { Repository } from "../../core/registry/repository";
import { thrownBy } from "../support/thrown";

const ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
const OTHER = "registry.example.com";
/** Reached instead of the network. */
const SENT = new Error("sent");
const credentials = { authorization: () => Promise.reject(SENT), renew: () => undefined };
const MAX_LAYER = 54_525_952_000;
const MAX_MANIFEST = 4_194_304;

function repository(host: string): Repository {
  return new Repository({ registry: new URL(`https://${host}`), name: "tomofun/web", credentials });
}

test.each([
  ["ECR takes a layer of", ECR, MAX_LAYER],
  ["another registry may take one of", OTHER, MAX_LAYER + 1],
])("%s %s: %i bytes", async (_what, host, size) => {
  const blob = { digest: sha256(Buffer.alloc(0)), size, open: () => Readable.from([]) };
  await expect(repository(host).uploadBlob(blob)).rejects.toBe(SENT);
});

test("ECR takes no larger layer: nothing is sent", async () => {
  const digest = sha256(Buffer.alloc(0));
  const blob = { digest, size: MAX_LAYER + 1, open: () => Readable.from([]) };
  await expect(repository(ECR).uploadBlob(blob)).rejects.toMatchObject({
    name: "LayerTooLargeError",
    message:
      `uploading ${digest} to ${ECR}/tomofun/web: found 54525952001 bytes, expected at most 54525952000, ECR's limit for a layer; ` +
      "build the image so that its files are spread over more layers",
  });
});

test.each([
  ["ECR takes a manifest of", ECR, MAX_MANIFEST],
  ["another registry may take one of", OTHER, MAX_MANIFEST + 1],
])("%s %s: %i bytes", async (_what, host, size) => {
  const manifest = { mediaType: MEDIA_TYPES.ociManifest, bytes: Buffer.alloc(size) };
  await expect(repository(host).putManifest("0123abc", manifest)).rejects.toBe(SENT);
});

test("ECR takes no larger manifest: nothing is sent", async () => {
  const manifest = { mediaType: MEDIA_TYPES.ociManifest, bytes: Buffer.alloc(MAX_MANIFEST + 1) };
  await expect(repository(ECR).putManifest("0123abc", manifest)).rejects.toMatchObject({
    name: "ManifestTooLargeError",
    message:
      `tagging ${ECR}/tomofun/web:0123abc: found a manifest of 4194305 bytes, expected at most 4194304, ECR's limit; ` +
      "build the image with fewer layers and annotations",
  });
});

test("ECR takes 500 layers and no more", () => {
  expect(() => {
    checkLayerCount("publishing web", ECR, 500);
    checkLayerCount("publishing web", OTHER, 501);
  }).not.toThrow();
  expect(
    thrownBy(() => {
      checkLayerCount("publishing web", ECR, 501);
    }),
  ).toMatchObject({
    name: "TooManyLayersError",
    message:
      "publishing web: found an image of 501 layers, expected at most 500, ECR's limit; " +
      "build the image with fewer layers, for example by a last stage that copies from the others",
  });
});

import { parsePipeline } from "../../config/parse";
import { loadProblems, pipeline, problemsOf, service } from "./make";

test("what a service says goes before defaults, each limit by itself", () => {
  const { services } = parsePipeline(
    pipeline({
      defaults: {
        compression: "zstd",
        reuse: false,
        platform: "linux/arm64",
        attestations: "drop",
        mountFrom: ["team/base", "b1"],
        limits: { archive: "1KiB", layer: "2MiB" },
      },
      services: [
        "a1",
        {
          name: "a2",
          compression: "keep",
          reuse: true,
          platform: "all",
          attestations: "keep",
          mountFrom: [],
          limits: { layer: 5, ratio: 10 },
        },
      ],
    }),
  );
  expect(services.map(({ stream }) => stream)).toStrictEqual([
    {
      compression: "zstd",
      reuse: false,
      platform: "linux/arm64",
      attestations: "drop",
      mountFrom: ["b1", "team/base"],
      limits: { archive: 1024, layer: 2_097_152 },
    },
    {
      compression: "keep",
      reuse: true,
      platform: "all",
      attestations: "keep",
      mountFrom: [],
      limits: { archive: 1024, layer: 5, ratio: 10 },
    },
  ]);
});

test("a service does not mount from its own repository", () => {
  const { services } = parsePipeline(pipeline({ defaults: { mountFrom: ["a1", "a2"] }, services: ["a1", "a2"] }));
  expect(services.map(({ stream }) => stream.mountFrom)).toStrictEqual([["a2"], ["a1"]]);
});

test("sizes are powers of 1024", () => {
  const [api] = parsePipeline(service({ limits: { archive: "3GiB", layer: "2TiB" } })).services;
  expect(api?.stream.limits).toStrictEqual({ archive: 3_221_225_472, layer: 2_199_023_255_552 });
});

test("with publisher docker each option is refused where it stands", () => {
  const text = `name: images
region: us-east-1
bucket: image-drops
publisher: docker
defaults:
  compression: gzip
  reuse: true
services:
  - job
  - name: api
    platform: all
    attestations: keep
    mountFrom: []
    limits: {}
`;
  const rule =
    "must not stand beside publisher docker, it is an option of stream: remove it, or take publisher: stream";
  expect(loadProblems(text)).toEqual([
    `pipeline.yaml:6:3 defaults.compression: ${rule}`,
    `pipeline.yaml:7:3 defaults.reuse: ${rule}`,
    `pipeline.yaml:11:5 services[1].platform: ${rule}`,
    `pipeline.yaml:12:5 services[1].attestations: ${rule}`,
    `pipeline.yaml:13:5 services[1].mountFrom: ${rule}`,
    `pipeline.yaml:14:5 services[1].limits: ${rule}`,
  ]);
});

test.each(["SOURCE_IMAGE", "COMPRESSION", "REUSE", "PLATFORM", "ATTESTATIONS", "MOUNT_FROM", "MAX_RATIO"])(
  "%s is no variable of one's own",
  (name) => {
    expect(problemsOf(service({ environment: { [name]: "x" } }))).toEqual([
      expect.stringMatching(
        new RegExp(
          `^services\\[0\\]\\.environment\\.${name}: must not be one of .*, which the pipeline sets itself, got "${name}"$`,
        ),
      ),
    ]);
  },
);

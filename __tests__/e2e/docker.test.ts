import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { Build } from "@aws-sdk/client-codebuild";
import { bundleOf } from "../../infrastructure/bundle";
import { startDocker } from "../../local/docker";
import {
  realLayers,
  writeImageArchive,
  zipArchive,
  type ArchiveOptions,
  type ArchivedImage,
} from "../../local/fixtures";
import { ensureMoto } from "../../local/moto";
import { commandsFolder } from "../../local/moto/environment";
import { proveImage, type Proof } from "../../local/proof";
import { startRegistry, type Registry } from "../../local/registry";
import { Bench, zip } from "../local/codebuild-support";
import { REGISTRY_HOST, startEcr, type FakeEcr } from "../support/ecr";
import { startS3, type FakeS3 } from "../support/fake-s3";
import { startPlainRegistry, type Intercept, type PlainRegistry } from "../support/plain-registry";
import { requires } from "../support/requires";
import { until } from "../support/until";

const PROJECT = resolve(__dirname, "../..");
const BUILDSPEC = readFileSync(join(PROJECT, "buildspecs/docker.yml"), "utf8");
const MEMBER = "image/web";
const BUILD_LIMIT = 120_000;

// The first run installs the AWS CLI.
jest.setTimeout(600_000);

let directory: string;
let s3: FakeS3;
let ecr: FakeEcr;
let storage: PlainRegistry;
let registry: Registry;
let bench: Bench;
/** Process ids of the daemons that were started. */
let daemons: number[];
let repositories = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "docker-e2e-"));
  const commands = commandsFolder(await ensureMoto(PROJECT));
  s3 = await startS3();
  ecr = await startEcr();
  storage = await startPlainRegistry(join(directory, "storage"));
  registry = await startRegistry({
    endpoint: ecr.endpoint,
    directory: join(directory, "registry"),
    storage: { url: storage.url.href },
  });
  daemons = [];
  bench = await Bench.start({
    buildEnvironment: {
      PATH: [commands, process.env.PATH].join(delimiter),
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_ENDPOINT_URL_ECR: ecr.endpoint,
      HTTPS_PROXY: registry.proxyUrl,
      NODE_EXTRA_CA_CERTS: registry.caFile,
      // Newer dockers log in by themselves where there is no daemon.
      SSL_CERT_FILE: registry.caFile,
    },
    startDocker: async (folder) => {
      const docker = await startDocker({ ...registry, directory: folder });
      daemons.push(docker.pid);
      return docker;
    },
  });
  const tools = { "buildspec.yml": BUILDSPEC, "fetch-image.js": bundleOf("fetch-image").toString() };
  bench.aws.put("tools/fetch-image.zip", "1", zip(tools));
  await bench.create({
    source: { type: "S3", location: "tools/fetch-image.zip" },
    environment: {
      type: "LINUX_CONTAINER",
      computeType: "BUILD_GENERAL1_SMALL",
      image: "aws/codebuild/amazonlinux-x86_64-standard:5.0",
      privilegedMode: true,
    },
  });
});
afterAll(async () => {
  await bench.close();
  await registry.close();
  await storage.close();
  await ecr.close();
  await s3.close();
  rmSync(directory, { recursive: true });
});

interface Zip {
  readonly file: string;
  readonly images: readonly ArchivedImage[];
}

/** An archive in a zip, as a sender makes it. */
async function pack(options: Omit<ArchiveOptions, "path">): Promise<Zip> {
  const folder = mkdtempSync(join(directory, "pack-"));
  const archive = join(folder, "web.tar");
  const file = join(folder, "web.zip");
  const images = await writeImageArchive({ path: archive, ...options });
  await zipArchive({ path: file, member: MEMBER, archive });
  return { file, images };
}

interface Result {
  readonly build: Build;
  readonly log: string;
  /** Tags in the order in which they were put. */
  readonly tags: readonly (string | undefined)[];
}

/** A repository of its own, what its images are called, and builds of drops for it. */
class Service {
  readonly name = `tomofun/web-${++repositories}`;
  readonly #repository = ecr.createRepository(this.name);

  reference(tag = "0123abc", account = "123456789012"): string {
    return `${account}.dkr.ecr.us-east-1.amazonaws.com/${this.name}:${tag}`;
  }

  async drop(object: Buffer, environment: Record<string, string> = {}, privileged = true): Promise<Result> {
    const { versionId = "" } = s3.put("drops", "web.zip", object);
    const variables = {
      SERVICE_NAME: "web",
      IMAGE_REPO_NAME: this.name,
      ECS_SOURCE: REGISTRY_HOST,
      SOURCE_ACCOUNT: "123456789012",
      MOVING_TAGS: "staging",
      DROP_BUCKET: "drops",
      DROP_KEY: "web.zip",
      DROP_VERSION_ID: versionId,
      ...environment,
    };
    const before = this.#repository.images.length;
    const { id } = await bench.startBuild({
      environmentVariablesOverride: Object.entries(variables).map(([name, value]) => ({ name, value })),
      privilegedModeOverride: privileged,
    });
    const build = await until(
      `${id} ends`,
      async () => {
        const found = await bench.get(id);
        return found.buildComplete && found;
      },
      BUILD_LIMIT,
    );
    const tags = this.#repository.images.slice(before).map(({ imageTag }) => imageTag);
    return { build, log: await bench.log(id), tags };
  }

  async dropZip({ file }: Zip, environment?: Record<string, string>): Promise<Result> {
    return this.drop(readFileSync(file), environment);
  }

  /** That the image under the tag is the first one of the archive. */
  prove({ file, images }: Zip, tag: string): Promise<Proof> {
    return proveImage({
      archive: file,
      member: MEMBER,
      reference: images[0]?.references[0],
      registry: { ...registry, host: REGISTRY_HOST, repository: this.name, tag, authorization: `Basic ${ecr.token()}` },
    });
  }
}

/** Requests that write a manifest or a blob. */
function writes(): string[] {
  return storage.requests.filter((request) => /^(PUT|POST|PATCH) /.test(request));
}

function expectFailure({ build, tags, log }: Result, reason: RegExp | string): void {
  expect(log).toMatch(reason);
  expect(build.buildStatus).toBe("FAILED");
  expect(build.exportedEnvironmentVariables ?? []).toEqual([]);
  expect(tags).toEqual([]);
}

const SUCCEEDED = { buildStatus: "SUCCEEDED", exportedEnvironmentVariables: [{ name: "GIT_HASH", value: "0123abc" }] };

(requires("dockerd", "apt-get install docker.io") ? describe : describe.skip)("a drop", () => {
  test.each(["legacy", "oci"] as const)("of the %s layout is published byte for byte", async (layout) => {
    const service = new Service();
    const layers = await realLayers({ bytes: 3_000_000, layers: 3, label: layout });
    const packed = await pack({ references: [service.reference()], layers, layout });
    const { build, tags } = await service.dropZip(packed);
    expect(build).toMatchObject(SUCCEEDED);
    expect(tags).toEqual(["0123abc", "staging"]);
    for (const tag of ["0123abc", "staging"]) {
      const [proof] = (await service.prove(packed, tag)).images;
      expect(proof.config.digest).toBe(packed.images[0]!.config);
      expect(proof.layers.map(({ diffId }) => diffId)).toEqual(packed.images[0]!.layers.map(({ diffId }) => diffId));
    }
  });

  test("of two images publishes the service's alone", async () => {
    const service = new Service();
    const other = { references: [`${REGISTRY_HOST}/tomofun/other:0123abd`], layers: [[{ path: "o", content: "o" }]] };
    const packed = await pack({ references: [service.reference()], others: [other] });
    const { build, tags, log } = await service.dropZip(packed);
    expect(build).toMatchObject(SUCCEEDED);
    expect(tags).toEqual(["0123abc", "staging"]);
    expect(log).toContain(
      `selected ${service.reference()} for linux/amd64: 2 layers, config ${packed.images[0]!.config}`,
    );
    await service.prove(packed, "staging");
  });

  test("once more changes nothing, and moves back the tag that has moved on", async () => {
    const service = new Service();
    const first = await pack({ references: [service.reference()] });
    const second = await pack({
      references: [service.reference("0123abd")],
      layers: [[{ path: "second", content: "2" }]],
    });
    await service.dropZip(first);
    const before = writes().length;
    expect(await service.dropZip(first)).toMatchObject({ build: SUCCEEDED, tags: [] });
    expect(writes()).toHaveLength(before);

    expect((await service.dropZip(second)).tags).toEqual(["0123abd", "staging"]);
    await service.prove(second, "staging");
    expect(await service.dropZip(first)).toMatchObject({ build: SUCCEEDED, tags: ["staging"] });
    await service.prove(first, "staging");
  });

  test("of another image under the same hash is refused, and both are named", async () => {
    const service = new Service();
    const first = await pack({ references: [service.reference()] });
    const another = await pack({ references: [service.reference()], layers: [[{ path: "another", content: "2" }]] });
    await service.dropZip(first);
    expectFailure(
      await service.dropZip(another),
      `${service.reference()} exists already: found another image (config ${first.images[0]!.config}), expected the image of this archive ` +
        `(config ${another.images[0]!.config}); no tag was changed`,
    );
    await service.prove(first, "staging");
  });

  test.each([
    ["$(touch EVALUATED).example/REPOSITORY:0123abc"],
    ["host\"'; touch EVALUATED; '.example/REPOSITORY:0123abc"],
    ["--all-tags/REPOSITORY:0123abc"],
    ["host.example\n/REPOSITORY:0123abc"],
  ])("with the name %j is refused, and nothing is evaluated", async (pattern) => {
    const service = new Service();
    const evaluated = join(directory, "evaluated");
    const name = pattern.replace("EVALUATED", evaluated).replace("REPOSITORY", service.name);
    const before = writes().length;
    const result = await service.dropZip(await pack({ references: [name] }), {
      SOURCE_ACCOUNT: "",
      MOVING_TAGS: "",
      TAG_PATTERN: ".",
    });
    expectFailure(result, "has no image for this service: found ");
    expect(writes()).toHaveLength(before);
    expect(existsSync(evaluated)).toBe(false);
  });

  test("with a hostile name beside the service's is refused by docker, and nothing is evaluated", async () => {
    const service = new Service();
    const evaluated = join(directory, "evaluated");
    const others = [{ references: [`$(touch ${evaluated}):1`], layers: [[{ path: "o", content: "o" }]] }];
    const before = writes().length;
    const result = await service.dropZip(await pack({ references: [service.reference()], others }));
    expectFailure(result, "invalid reference format");
    expect(writes()).toHaveLength(before);
    expect(existsSync(evaluated)).toBe(false);
  });

  test("of another account is refused", async () => {
    const service = new Service();
    const packed = await pack({ references: [service.reference("0123abc", "999999999999")] });
    expectFailure(await service.dropZip(packed), "has no image for this service: found 999999999999.dkr.ecr");
  });

  test("that was damaged is refused, and nothing is pushed", async () => {
    const service = new Service();
    const { file } = await pack({ references: [service.reference()] });
    const object = readFileSync(file);
    object[200] = (object[200] ?? 0) ^ 0xff;
    const before = writes().length;
    expectFailure(await service.drop(object), "is a damaged zip: found ");
    expect(writes()).toHaveLength(before);
  });

  test.each([
    ["the manifest of the hash", /^PUT .*\/manifests\/0123abc$/, []],
    ["the manifest of a moving tag", /^PUT .*\/manifests\/staging$/, ["0123abc"]],
  ])(
    "fails where the registry refuses %s; no later tag is moved, and there is no hash",
    async (_what, refused, tags) => {
      const service = new Service();
      storage.intercept = refusing(refused);
      try {
        const result = await service.dropZip(await pack({ references: [service.reference()] }));
        expect(result.build.buildStatus).toBe("FAILED");
        expect(result.build.exportedEnvironmentVariables ?? []).toEqual([]);
        expect(result.tags).toEqual(tags);
        expect(result.log).toMatch(/denied: not today/);
      } finally {
        storage.intercept = () => false;
      }
    },
  );

  test("fails without privileged mode, as on CodeBuild", async () => {
    const service = new Service();
    const { file } = await pack({ references: [service.reference()] });
    const result = await service.drop(readFileSync(file), {}, false);
    expectFailure(result, /Cannot connect to the Docker daemon at unix:\/\/\S+\. Is the docker daemon running\?/);
  });

  test("leaves no daemon, no mount and no folder", () => {
    expect(daemons.length).toBeGreaterThan(10);
    expect(daemons.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(bench.workDirectory);
    const left = readdirSync(bench.workDirectory).flatMap((build) => readdirSync(join(bench.workDirectory, build)));
    expect(new Set(left)).toEqual(new Set(["build.log"]));
  });
});

(requires("dockerd", "apt-get install docker.io") ? test : test.skip)(
  "a daemon ends in order when the process that started it was killed",
  async () => {
    const folder = join(directory, "orphan");
    const script = `require("./local/docker").startDocker({ directory: "${folder}", proxyUrl: "http://127.0.0.1:9", caFile: "/dev/null" })
      .then(({ host, pid }) => console.log(host + " " + pid)); setInterval(() => undefined, 1000);`;
    const starter = spawn(process.execPath, ["--require", "tsx/cjs", "--eval", script], {
      cwd: PROJECT,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(starter.stdout, "data")) as [Buffer];
    const [host = "", pid = ""] = line.toString().trim().split(" ");
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    starter.kill("SIGKILL");
    await until("the daemon has ended", () => !existsSync(`/proc/${pid}`), 30_000);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(folder);
    rmSync(dirname(host.replace("unix://", "")), { recursive: true });
  },
);

function refusing(pattern: RegExp): Intercept {
  return ({ method = "", url = "" }, response: ServerResponse) => {
    if (!pattern.test(`${method} ${url}`)) return false;
    response.writeHead(403, { "content-type": "application/json" });
    response.end(JSON.stringify({ errors: [{ code: "DENIED", message: "not today" }] }));
    return true;
  };
}

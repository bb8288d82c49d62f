import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os, { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { ZstdMissingError } from "../../core/archive/errors";
import { publishCommand } from "../../core/publish/command";
import { HELP, readCommandLine, UsageError } from "../../core/publish/command-line";
import { EXIT, exitCodeOf } from "../../core/publish/exit";
import type { PublishReport } from "../../core/publish/report";
import { parseObjectUrl } from "../../core/publish/source-url";
import { dockerSave, layer, REFERENCE, savedImage, zip } from "../support/archives";
import { writeBundles } from "../../infrastructure/write-bundles";
import { DEFAULT_CHOICE } from "../support/choice";
import { startS3 } from "../support/fake-s3";
import { startPlainRegistry, type PlainRegistry } from "../support/plain-registry";
import { runCommand } from "../support/publish-command";
import { until } from "../support/until";

describe("the command line", () => {
  const target = "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/api";

  test("has defaults", () => {
    expect(readCommandLine(["api.tar", `${target}:4f2a91c`])).toEqual({
      source: "api.tar",
      host: "123456789012.dkr.ecr.us-east-1.amazonaws.com",
      repository: "team/api",
      hashTag: "4f2a91c",
      rule: { tagPattern: /^[0-9a-f]{7,40}$/ },
      movingTags: [],
      choice: DEFAULT_CHOICE,
      dryRun: false,
      json: false,
    });
  });

  test("takes every option", () => {
    const options =
      "--image vendor/app:1 --archive-path image/api --platform linux/arm64 --attestations drop --compression zstd --no-reuse " +
      "--mount-from team/base --mount-from team/web --moving-tag staging --moving-tag latest --max-archive-bytes 10 --max-layer-bytes 9 " +
      "--max-ratio 2.5 --dry-run --json";
    expect(readCommandLine(["-", "localhost:5000/api", ...options.split(" ")])).toEqual({
      source: "-",
      host: "localhost:5000",
      repository: "api",
      archivePath: "image/api",
      rule: { tagPattern: /^[0-9a-f]{7,40}$/, image: "vendor/app:1" },
      movingTags: ["staging", "latest"],
      choice: {
        compression: "zstd",
        reuse: false,
        platform: "linux/arm64",
        attestations: "drop",
        mountFrom: ["team/base", "team/web"],
        limits: { ...DEFAULT_CHOICE.limits, archive: 10, layer: 9, ratio: 2.5 },
      },
      dryRun: true,
      json: true,
    });
  });

  test.each([
    [[], "SOURCE and DESTINATION are missing"],
    [["api.tar"], "DESTINATION is missing"],
    [["api.tar", target, "more"], '"more" is one argument too many'],
    [["api.tar", "team"], 'DESTINATION is "team", expected HOST[:PORT]/REPOSITORY[:TAG]'],
    [["api.tar", `${target}:-x`], `DESTINATION is "${target}:-x", expected HOST[:PORT]/REPOSITORY[:TAG]`],
    [["api.tar", "host:70000/team"], 'DESTINATION is "host:70000/team", expected HOST[:PORT]/REPOSITORY[:TAG]'],
    [["api.tar", "host:1/Team"], 'DESTINATION is "host:1/Team", expected HOST[:PORT]/REPOSITORY[:TAG]'],
    [["api.tar", "team/api"], 'DESTINATION is "team/api", expected HOST[:PORT]/REPOSITORY[:TAG]'],
    [["api.tar", target, "--compression", "xz"], '--compression is "xz", expected gzip, zstd or keep'],
    [["api.tar", target, "--moving-tag", "a b"], '--moving-tag is "a b", expected a tag'],
    [["api.tar", target, "--moving-tag", "0123abc"], "--moving-tag is 0123abc, expected none that is a git hash"],
    [["api.tar", `${target}:v1`, "--moving-tag", "v1"], "--moving-tag is v1, expected another than DESTINATION's"],
    [["api.tar", target, "--max-ratio", "0"], '--max-ratio is "0", expected a number of at least 1'],
    [["api.tar", target, "--nonsense"], "Unknown option '--nonsense'"],
    [
      ["api.tar", target, "--platform", "arm", "--attestations", "no"],
      '--platform is "arm", expected all, or a platform such as linux/arm64; --attestations is "no", expected keep or drop',
    ],
  ])("%j is refused", (args, problem) => {
    expect(() => readCommandLine(args)).toThrow(`cannot publish so: ${problem}; see publish-image --help`);
  });

  test("every option stands in the help, and the help holds no other", () => {
    const known = [
      ...["image", "archive-path", "platform", "attestations", "compression", "no-reuse", "mount-from", "moving-tag"],
      ...["dry-run", "max-archive-bytes", "max-layer-bytes", "max-ratio", "json", "help"],
    ];
    expect([...new Set(HELP.match(/--[a-z-]+/g))].toSorted()).toEqual(known.map((name) => `--${name}`).toSorted());
  });
});

describe("an object's URL", () => {
  test.each([
    ["s3://drops/api.zip", { bucket: "drops", key: "api.zip" }],
    ["s3://drops/a b/%C3%A9+%25%3F.zip?versionId=3HL4", { bucket: "drops", key: "a b/é+%?.zip", versionId: "3HL4" }],
  ])("%s", (url, drop) => {
    expect(parseObjectUrl(url)).toEqual(drop);
  });

  test.each(["s3://drops", "s3://drops/", "s3://drops/api.zip?version=1", "s3:///api.zip", "s3://drops/100%"])(
    "%s is refused",
    (url) => {
      expect(() => parseObjectUrl(url)).toThrow(`cannot publish so: SOURCE is "${url}", expected`);
    },
  );

  test("that S3 could not have is refused as it is in other places", () => {
    const parse = (): unknown => parseObjectUrl("s3://ab/api.zip");
    expect(parse).toThrow(
      'cannot publish so: SOURCE is "s3://ab/api.zip": drop bucket must be a bucket name, got: "ab"',
    );
    expect(parse).toThrow(UsageError);
  });
});

describe("publish-image", () => {
  let directory: string;
  let archive: string;
  let registry: PlainRegistry;
  let destination: string;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "command-"));
    archive = join(directory, "image.tar");
    writeFileSync(archive, dockerSave());
    registry = await startPlainRegistry(join(directory, "registry"));
    destination = `${registry.url.host}/team/api`;
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await registry.close();
    rmSync(directory, { recursive: true });
  });

  const pushed = (): string[] =>
    registry.requests.filter((each) => each.startsWith("PUT")).map((each) => each.split("/").at(-1)!);

  test("--help", async () => {
    expect(await runCommand("--help")).toEqual({ code: 0, stdout: HELP, stderr: "" });
  });

  test("--help that cannot be printed", async () => {
    jest.spyOn(process.stdout, "write").mockImplementation(((_text: string, written: (e: Error) => void) => {
      written(new Error("write EPIPE"));
      return false;
    }) as never);
    const said = jest.spyOn(console, "error").mockImplementation(() => undefined);
    expect(await publishCommand(["--help"])).toBe(1);
    expect(said.mock.calls).toEqual([["the help could not be printed: write EPIPE"]]);
  });

  test.each([
    ["nobody", { REGISTRY_USERNAME: "", REGISTRY_PASSWORD: "" }, 0, [undefined]],
    ["a user", { REGISTRY_USERNAME: "user", REGISTRY_PASSWORD: "word" }, 0, ["Basic dXNlcjp3b3Jk"]],
    ["a name without a password", { REGISTRY_USERNAME: "user" }, 2, []],
    ["a password without a name", { REGISTRY_USERNAME: "", REGISTRY_PASSWORD: "word" }, 2, []],
  ])("as %s", async (_who, variables, code, shown) => {
    const authorizations = new Set<string | undefined>();
    registry.intercept = ({ headers }) => {
      authorizations.add(headers.authorization);
      return false;
    };
    jest.replaceProperty(process, "env", { ...process.env, ...variables });
    expect((await runCommand(archive, destination)).code).toBe(code);
    expect([...authorizations]).toEqual(shown);
  });

  test("goes on where nobody hears how", async () => {
    const program = writeBundles(mkdtempSync(join(directory, "unheard-")), ["publish-image"]);
    const child = spawn(process.execPath, [program, archive, destination, "--moving-tag", "staging"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr.destroy();
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(pushed().slice(-2)).toEqual(["0123abc", "staging"]);
  });

  test("prints what it has published, and tells on standard error how", async () => {
    const { code, stdout, stderr } = await runCommand(archive, destination, "--moving-tag", "staging");
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${destination}:0123abc@sha256:[0-9a-f]{64}\n$`));
    expect(stderr.split("\n")[0]).toBe(`reading ${archive} (${dockerSave().length} bytes)`);
    expect(pushed().slice(-2)).toEqual(["0123abc", "staging"]);
  });

  test("under a tag of one's own", async () => {
    const run = await runCommand(archive, `${destination}:v1`);
    expect(run.stdout).toMatch(`${destination}:v1@sha256:`);
  });

  test("--json", async () => {
    const { stdout } = await runCommand(archive, destination, "--json");
    expect(JSON.parse(stdout) as PublishReport).toMatchObject({
      repository: destination,
      hashTag: "0123abc",
      images: [{ platform: "linux/amd64", configDigest: savedImage().configDigest, reference: REFERENCE }],
      layers: [
        { number: 1, how: "sent" },
        { number: 2, how: "sent" },
      ],
      tags: [{ tag: "0123abc", state: "set" }],
      dryRun: false,
    });
  });

  test("a result that cannot be printed is no success", async () => {
    const write = jest.spyOn(process.stdout, "write").mockImplementation(((
      _text: string,
      written: (e: Error) => void,
    ) => {
      written(new Error("ENOSPC: no space left on device"));
      return false;
    }) as never);
    const said = jest.spyOn(console, "error").mockImplementation(() => undefined);
    expect(await publishCommand([archive, destination, "--json"])).toBe(1);
    expect(said).toHaveBeenLastCalledWith(
      "all is done, but the result could not be printed: ENOSPC: no space left on device",
    );
    expect(write).toHaveBeenCalledTimes(1);
    expect(pushed().at(-1)).toBe("0123abc");
  });

  test("--dry-run", async () => {
    const { code, stdout, stderr } = await runCommand(archive, destination, "--dry-run");
    expect([code, stdout, pushed()]).toEqual([0, `${destination}:0123abc\n`, []]);
    expect(stderr).toContain("would be compressed and sent\nwould tag 0123abc\n");
  });

  test("needs no folder to unpack what can be read where it lies", async () => {
    jest.spyOn(os, "tmpdir").mockReturnValue("/nowhere");
    expect((await runCommand(archive, destination)).code).toBe(0);
  });

  test("from standard input, leaving nothing behind", async () => {
    const spool = mkdtempSync(join(directory, "spool-"));
    jest.spyOn(os, "tmpdir").mockReturnValue(spool);
    const input = Readable.from([zip({ name: "image/api", data: dockerSave() })]);
    jest.spyOn(process, "stdin", "get").mockReturnValue(input as never);
    const { code, stdout } = await runCommand("-", destination);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`${destination}:0123abc@sha256:`)]);
    expect(readdirSync(spool)).toEqual([]);
  });

  test("says why it waits, and for how long", async () => {
    jest.spyOn(Math, "random").mockReturnValue(0);
    let busy = 1;
    registry.intercept = (_request, response) => {
      if (busy-- <= 0) return false;
      response.writeHead(503).end();
      return true;
    };
    const { code, stderr } = await runCommand(archive, destination);
    expect(code).toBe(0);
    expect(stderr.split("\n").filter((line) => line.includes("trying again"))).toEqual([
      `trying again in 0.0 s: reading the manifest of ${destination}:0123abc: found HTTP 503 from ${registry.url.host}, expected success; ` +
        "look the code up in the registry's documentation and start the build again",
    ]);
  });

  test("needs no AWS SDK from a file to a registry that is not ECR's", async () => {
    const archive = join(directory, "without-sdk.tar");
    writeFileSync(archive, dockerSave());
    const program = writeBundles(mkdtempSync(join(directory, "without-sdk-")), ["publish-image"]);
    const child = spawn(process.execPath, [program, archive, destination], { stdio: "ignore" });
    expect(await once(child, "exit")).toEqual([0, null]);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("ended by %s leaves nothing behind", async (signal) => {
    const program = writeBundles(directory);
    const spool = mkdtempSync(join(directory, "spool-"));
    const child = spawn(process.execPath, [program, "-", destination], {
      stdio: ["pipe", "ignore", "inherit"],
      env: { ...process.env, TMPDIR: spool },
    });
    const ended = once(child, "exit");
    child.stdin.write(dockerSave());
    await until("the input is being written", () =>
      readdirSync(spool).some((folder) => readdirSync(join(spool, folder)).includes("input")),
    );
    child.kill(signal);
    expect(await ended).toEqual([null, signal]);
    expect(readdirSync(spool)).toEqual([]);
  });

  test("a version of an object", async () => {
    const s3 = await startS3();
    try {
      const { versionId = "" } = s3.put("drops", "a b.zip", zip({ name: "image/api", data: dockerSave() }));
      s3.put("drops", "a b.zip", zip({ name: "image/api", data: dockerSave({ layers: [layer("newer")] }) }));
      jest.replaceProperty(process, "env", {
        ...process.env,
        AWS_ENDPOINT_URL_S3: s3.endpoint,
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: "test",
      });
      const { stdout } = await runCommand(`s3://drops/a b.zip?versionId=${versionId}`, destination, "--json");
      const { images } = JSON.parse(stdout) as PublishReport;
      expect(images.map(({ configDigest }) => configDigest)).toEqual([savedImage().configDigest]);
    } finally {
      await s3.close();
    }
  });

  test.each([
    ["wrong arguments", 2, () => [archive, "nowhere"], /^cannot publish so: DESTINATION is "nowhere"/],
    ["an archive that is none", 3, () => [__filename, destination], / is not an image archive: found /],
    [
      "a file that is not there",
      2,
      () => ["nowhere.tar", destination],
      /^cannot publish so: SOURCE is "nowhere\.tar", expected a file that can be read \(ENOENT: no such file or directory/,
    ],
    [
      "a folder",
      2,
      () => [directory, destination],
      /^cannot publish so: SOURCE is ".+", expected a file that can be read \(found a folder\); see publish-image --help$/,
    ],
    [
      "a device",
      2,
      () => ["/dev/null", destination],
      /^cannot publish so: SOURCE is "\/dev\/null", expected a file that can be read \(found a pipe or a device; write - and let it be standard input\)/,
    ],
    [
      "a terminal",
      2,
      () => {
        jest.spyOn(process, "stdin", "get").mockReturnValue({ isTTY: true } as never);
        return ["-", destination];
      },
      /^cannot publish so: SOURCE is -, expected an archive at standard input \(found a terminal\); see publish-image --help$/,
    ],
    [
      "an image by its digest that has no git hash, and no tag",
      3,
      () => {
        writeFileSync(archive, dockerSave({ references: null }));
        return [archive, destination, "--image", savedImage().configDigest];
      },
      /^no tag to publish [0-9a-f]{64}\.json under: found none that is a git hash in the archive, expected one; name the tag in the destination/m,
    ],
    [
      "nowhere to unpack",
      1,
      () => {
        jest.spyOn(os, "tmpdir").mockReturnValue("/nowhere");
        writeFileSync(archive, gzipSync(dockerSave()));
        return [archive, destination];
      },
      /^cannot work in \/nowhere: found ENOENT: no such file or directory, .+, expected a folder that can be written; set TMPDIR to one$/m,
    ],
    [
      "several images of which none was chosen",
      3,
      () => {
        writeFileSync(archive, dockerSave({}, { references: ["other:1"], layers: [layer("other")] }));
        return [archive, `${destination}:v1`];
      },
      / has several images: found .+, expected one; name one, by its name or its digest$/m,
    ],
    [
      "an image without a git hash, and no tag",
      3,
      () => {
        writeFileSync(archive, dockerSave({ references: ["api:latest"] }));
        return [archive, destination];
      },
      / has no image tagged with a git hash: found api:latest, /,
    ],
    [
      "a platform that is not there",
      3,
      () => [archive, destination, "--platform", "linux/arm64"],
      /^the archive has no image for linux\/arm64: found linux\/amd64, expected linux\/arm64; /m,
    ],
  ])("%s: exit code %i", async (_what, code, args, message) => {
    const run = await runCommand(...args());
    expect([run.code, run.stdout]).toEqual([code, ""]);
    expect(run.stderr.trimEnd().split("\n").at(-1)).toMatch(message);
    expect(pushed()).toEqual([]);
  });

  test("a machine without zstd is no fault of the archive", () => {
    expect(exitCodeOf(new ZstdMissingError("image.tar.zst"))).toBe(EXIT.failed);
  });

  test("one of several images, by name and by digest", async () => {
    const other = { references: ["other:1"], layers: [layer("other")] };
    writeFileSync(archive, dockerSave({}, other));
    for (const [at, image] of ["other:1", savedImage(other).configDigest].entries()) {
      const { code, stdout, stderr } = await runCommand(archive, `${destination}:v${at}`, "--image", image, "--json");
      if (code !== 0) throw new Error(stderr);
      const { images } = JSON.parse(stdout) as PublishReport;
      expect(images.map(({ configDigest }) => configDigest)).toEqual([savedImage(other).configDigest]);
    }
  });
});

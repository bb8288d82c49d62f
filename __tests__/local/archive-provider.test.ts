import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { decode, encode, ExtData } from "@msgpack/msgpack";
import { fromBufferPromise } from "yauzl";
import { type ArchiveProvider, pluginProtocol, startArchiveProvider } from "../../local/terraform/archive-provider";

/** Everything a data block can say, as Terraform sends it: null where the configuration is silent, blocks as an empty set. */
const silent = {
  type: "zip",
  output_path: "out/archive.zip",
  output_file_mode: null,
  source_file: null,
  source_dir: null,
  source_content: null,
  source_content_filename: null,
  source: [],
  excludes: null,
  exclude_symlink_directories: null,
  id: null,
  output_size: null,
  output_md5: null,
  output_sha: null,
  output_sha256: null,
  output_base64sha256: null,
  output_sha512: null,
  output_base64sha512: null,
};

interface Diagnostic {
  readonly severity: string;
  readonly summary: string;
  readonly detail: string;
}

let folder: string;
let provider: ArchiveProvider;
let client: Client;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "archive-provider-"));
  provider = await startArchiveProvider({ workingDirectory: folder });
  client = new Client(provider.reattach.Addr.String, credentials.createInsecure());
});

afterEach(async () => {
  client.close();
  await provider.close();
  await rm(folder, { recursive: true, force: true });
});

/** One call, as Terraform makes it. */
async function call<Response>(method: string, request: object): Promise<Response> {
  const definition = pluginProtocol()[method]!;
  return await new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      definition.path,
      definition.requestSerialize as (value: object) => Buffer,
      definition.responseDeserialize as (bytes: Buffer) => Response,
      request,
      (error, response) => {
        if (error) reject(error);
        else resolve(response!);
      },
    );
  });
}

async function read(config: object): Promise<Record<string, unknown>> {
  const { state, diagnostics } = await readRaw(config);
  expect(diagnostics).toEqual([]);
  return decode(state!.msgpack) as Record<string, unknown>;
}

async function readRaw(config: object): Promise<{ state: { msgpack: Uint8Array } | null; diagnostics: Diagnostic[] }> {
  const msgpack = Buffer.from(encode({ ...silent, ...config }));
  return await call("ReadDataSource", { type_name: "archive_file", config: { msgpack } });
}

async function validate(config: object): Promise<Diagnostic[]> {
  const msgpack = Buffer.from(encode({ ...silent, ...config }));
  const request = { type_name: "archive_file", config: { msgpack } };
  return (await call<{ diagnostics: Diagnostic[] }>("ValidateDataSourceConfig", request)).diagnostics;
}

async function put(path: string, content: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), content);
  await chmod(join(folder, path), mode);
}

interface Entry {
  readonly name: string;
  readonly mode: string;
  readonly content: string;
}

/** The archive as another reader sees it. */
async function entries(path = "out/archive.zip"): Promise<Entry[]> {
  const zip = await fromBufferPromise(await readFile(join(folder, path)));
  const found: Entry[] = [];
  for await (const entry of zip.eachEntry()) {
    const chunks: Buffer[] = [];
    for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
    const mode = (entry.externalFileAttributes >>> 16).toString(8);
    found.push({ name: entry.fileName, mode, content: Buffer.concat(chunks).toString() });
  }
  return found;
}

async function names(): Promise<string[]> {
  return (await entries()).map(({ name }) => name);
}

describe("schema", () => {
  test("is that of hashicorp/archive 2.7.1", async () => {
    interface Attribute {
      readonly name: string;
      readonly type: Buffer;
      readonly required: boolean;
      readonly optional: boolean;
      readonly computed: boolean;
    }
    interface Block {
      readonly attributes: Attribute[];
      readonly block_types: { type_name: string; nesting: string; block: Block }[];
    }
    const { data_source_schemas } = await call<{ data_source_schemas: Record<string, { block: Block }> }>(
      "GetSchema",
      {},
    );
    expect(Object.keys(data_source_schemas)).toEqual(["archive_file"]);
    const { attributes, block_types } = data_source_schemas.archive_file!.block;
    const plain = ({ name, type, required, optional, computed }: Attribute): string =>
      [name, type.toString(), required && "required", optional && "optional", computed && "computed"]
        .filter(Boolean)
        .join(" ");
    expect(attributes.map(plain).sort()).toEqual([
      'exclude_symlink_directories "bool" optional',
      'excludes ["set","string"] optional',
      'id "string" computed',
      'output_base64sha256 "string" computed',
      'output_base64sha512 "string" computed',
      'output_file_mode "string" optional',
      'output_md5 "string" computed',
      'output_path "string" required',
      'output_sha "string" computed',
      'output_sha256 "string" computed',
      'output_sha512 "string" computed',
      'output_size "number" computed',
      'source_content "string" optional',
      'source_content_filename "string" optional',
      'source_dir "string" optional',
      'source_file "string" optional',
      'type "string" required',
    ]);
    expect(block_types.map(({ type_name, nesting }) => [type_name, nesting])).toEqual([["source", "SET"]]);
    expect(block_types[0]!.block.attributes.map(plain)).toEqual([
      'content "string" required',
      'filename "string" required',
    ]);
  });

  test("a method that the stand-in does not serve is answered as unimplemented, which Terraform understands", async () => {
    const request = new Promise((_, reject) => {
      const bytes = (value: Buffer): Buffer => value;
      client.makeUnaryRequest("/tfplugin5.Provider/GetFunctions", bytes, bytes, Buffer.alloc(0), reject);
    });
    await expect(request).rejects.toMatchObject({ code: 12 });
  });
});

describe("attributes", () => {
  test("describe the bytes at output_path, and the configuration comes back unchanged", async () => {
    await put("bundle/index.js", "exports.handler = () => 1;\n");
    const config = { source_dir: "bundle", output_file_mode: "0644", excludes: ["*.map"] };
    const state = await read(config);

    const bytes = await readFile(join(folder, "out/archive.zip"));
    const hash = (algorithm: string, encoding: "hex" | "base64"): string =>
      createHash(algorithm).update(bytes).digest(encoding);
    expect(state).toEqual({
      ...silent,
      ...config,
      id: hash("sha1", "hex"),
      output_size: bytes.length,
      output_md5: hash("md5", "hex"),
      output_sha: hash("sha1", "hex"),
      output_sha256: hash("sha256", "hex"),
      output_base64sha256: hash("sha256", "base64"),
      output_sha512: hash("sha512", "hex"),
      output_base64sha512: hash("sha512", "base64"),
    });
  });

  test("are the same from another folder, at another time, on another machine", async () => {
    await put("here/z.js", "last");
    await put("here/a.js", "first");
    await put("elsewhere/deep/a.js", "first", 0o600);
    await put("elsewhere/deep/z.js", "last", 0o755);
    const here = await read({ source_dir: "here", output_file_mode: "0644" });
    const there = await read({
      source_dir: join(folder, "elsewhere/deep"),
      output_path: "b.zip",
      output_file_mode: "0644",
    });
    expect(there.output_sha256).toBe(here.output_sha256);
    expect(here.output_sha256).toBe("f35f4c2959474a9efa887093cd406778b6ac06de61076407850d252166d49e5b");
  });
});

describe("source_file", () => {
  test("is archived under its own name, with its own mode", async () => {
    await put("some/where/run.sh", "echo", 0o750);
    await read({ source_file: "some/where/run.sh" });
    expect(await entries()).toEqual([{ name: "run.sh", mode: "100750", content: "echo" }]);
  });

  test("a link is archived as what it leads to, under the link's name", async () => {
    await put("real.txt", "real", 0o640);
    await symlink("real.txt", join(folder, "link.txt"));
    await read({ source_file: "link.txt" });
    expect(await entries()).toEqual([{ name: "link.txt", mode: "100640", content: "real" }]);
  });
});

describe("output_file_mode", () => {
  test.each([
    ["0644", "100644"],
    ["0o600", "100600"],
    ["420", "100644"],
    ["0x1ff", "100777"],
    ["", "100711"],
  ])("%s gives every file %s", async (mode, expected) => {
    await put("file", "", 0o711);
    await read({ source_file: "file", output_file_mode: mode });
    expect((await entries())[0]!.mode).toBe(expected);
  });

  test.each(["rw", "0888", "-1", "1e2"])("%s is refused", async (mode) => {
    await put("file", "");
    expect((await readRaw({ source_file: "file", output_file_mode: mode })).diagnostics).toEqual([
      {
        severity: "ERROR",
        summary: "Archive creation error",
        detail: `output_file_mode is "${mode}", expected an octal number such as "0644".`,
      },
    ]);
  });
});

describe("source_dir", () => {
  test("holds every file, sorted by the bytes of its name within each directory, with no directories of their own", async () => {
    for (const name of ["b", "a.txt", "a/2", "a/10", "B", "\u{1f600}", "\uff5e", ".hidden"])
      await put(`dir/${name}`, name);
    await mkdir(join(folder, "dir/empty"));
    await read({ source_dir: "dir" });
    expect(await names()).toEqual([".hidden", "B", "a/10", "a/2", "a.txt", "b", "\uff5e", "\u{1f600}"]);
  });

  test("every file on disk is dated 2049-01-01, as the provider dates it", async () => {
    await put("dir/file", "content");
    await read({ source_dir: "dir" });
    const zip = await fromBufferPromise(await readFile(join(folder, "out/archive.zip")));
    for await (const entry of zip.eachEntry())
      expect(entry.getLastModDate({ timezone: "local" })).toEqual(new Date(2049, 0, 1));
  });

  test.each<[string, string[], string[]]>([
    ["a name at the top only", ["a.js"], ["a.map", "lib/a.js", "lib/a.map", "lib/deep/a.js"]],
    ["a directory with everything in it", ["lib"], ["a.js", "a.map"]],
    ["one star stays within a directory", ["*.map"], ["a.js", "lib/a.js", "lib/a.map", "lib/deep/a.js"]],
    ["two stars cross directories", ["**/*.map"], ["a.js", "lib/a.js", "lib/deep/a.js"]],
    ["two stars at the end take the directory itself", ["lib/**"], ["a.js", "a.map"]],
    ["two stars in the middle match no directory too", ["lib/**/a.js"], ["a.js", "a.map", "lib/a.map"]],
    ["braces", ["lib/{a.map,deep}"], ["a.js", "a.map", "lib/a.js"]],
    ["brackets and question marks", ["[!b].m?p"], ["a.js", "lib/a.js", "lib/a.map", "lib/deep/a.js"]],
    ["an escaped star", ["\\*.map"], ["a.js", "a.map", "lib/a.js", "lib/a.map", "lib/deep/a.js"]],
    ["an empty pattern", [""], ["a.js", "a.map", "lib/a.js", "lib/a.map", "lib/deep/a.js"]],
  ])("excludes: %s", async (_, excludes, left) => {
    for (const name of ["a.js", "a.map", "lib/a.js", "lib/a.map", "lib/deep/a.js"]) await put(`dir/${name}`, name);
    await read({ source_dir: "dir", excludes });
    expect(await names()).toEqual(left);
  });

  test("linked directories are archived in place, below the name of the link", async () => {
    await put("other/file", "linked");
    await put("dir/file", "own");
    await symlink("../other", join(folder, "dir/link"));
    await read({ source_dir: "dir" });
    expect(await names()).toEqual(["file", "link/file"]);
  });

  test("exclude_symlink_directories ends a directory at its first such link, as in the provider", async () => {
    await put("other/file", "linked");
    await put("dir/a/file", "before");
    await put("dir/z", "behind");
    await symlink("../other", join(folder, "dir/link"));
    await read({ source_dir: "dir", exclude_symlink_directories: true });
    expect(await names()).toEqual(["a/file"]);
  });
});

describe("inline content", () => {
  test("source_content is the one file source_content_filename, without a mode", async () => {
    await read({ source_content: "héllo", source_content_filename: "x/y.txt", output_file_mode: "0640" });
    expect(await entries()).toEqual([{ name: "x/y.txt", mode: "0", content: "héllo" }]);
  });

  test("source_content left out is an empty file", async () => {
    await read({ source_content_filename: "empty" });
    expect(await entries()).toEqual([{ name: "empty", mode: "0", content: "" }]);
  });

  test("source blocks are sorted by filename; of two with one filename the later counts", async () => {
    await read({
      source: [
        { filename: "b", content: "1" },
        { filename: "a/é", content: "2" },
        { filename: "10", content: "3" },
        { filename: "b", content: "4" },
      ],
    });
    expect((await entries()).map(({ name, content }) => [name, content])).toEqual([
      ["10", "3"],
      ["a/é", "2"],
      ["b", "4"],
    ]);
  });
});

describe("what cannot be archived", () => {
  test.each<[string, object, (folder: string) => string]>([
    [
      "a type that the provider has and the stand-in has not",
      { type: "tar.gz", source_file: "file" },
      () =>
        'type is "tar.gz", and the local stand-in for hashicorp/archive makes zip only: use zip, or a machine that reaches the provider registry.',
    ],
    [
      "a missing file",
      { source_file: "nope" },
      (at) => `source_file "nope" is missing: expected a file at ${at}/nope.`,
    ],
    [
      "a directory as file",
      { source_file: "dir" },
      (at) => `source_file "dir" is not a file: expected a file at ${at}/dir.`,
    ],
    [
      "a missing directory",
      { source_dir: "nope" },
      (at) => `source_dir "nope" is missing: expected a directory at ${at}/nope.`,
    ],
    [
      "a file as directory",
      { source_dir: "file" },
      (at) => `source_dir "file" is not a directory: expected a directory at ${at}/file.`,
    ],
    [
      "an empty directory",
      { source_dir: "dir/empty" },
      (at) => `source_dir "dir/empty" gives an empty archive: ${at}/dir/empty holds no file that excludes leaves.`,
    ],
    [
      "a directory that is excluded whole",
      { source_dir: "dir", excludes: ["**"] },
      (at) => `source_dir "dir" gives an empty archive: ${at}/dir holds no file that excludes leaves.`,
    ],
    [
      "an open bracket",
      { source_dir: "dir", excludes: ["[a"] },
      () => 'excludes: the bracket in "[a" is never closed.',
    ],
    ["empty brackets", { source_dir: "dir", excludes: ["[]"] }, () => 'excludes: the brackets in "[]" hold nothing.'],
    ["an open brace", { source_dir: "dir", excludes: ["{a"] }, () => 'excludes: the brace in "{a" is never closed.'],
    ["a stray brace", { source_dir: "dir", excludes: ["a}"] }, () => 'excludes: the brace in "a}" is never opened.'],
    [
      "a last backslash",
      { source_dir: "dir", excludes: ["a\\"] },
      () => 'excludes: the backslash at the end of "a\\" escapes nothing.',
    ],
    [
      "a link to its own parent",
      { source_dir: "loop" },
      (at) => `link leads back to ${at}/loop, which holds it: exclude that link.`,
    ],
  ])("%s", async (_, config, detail) => {
    await put("file", "content");
    await put("dir/file", "content");
    await mkdir(join(folder, "dir/empty"));
    await mkdir(join(folder, "loop"));
    await symlink(".", join(folder, "loop/link"));
    const { state, diagnostics } = await readRaw(config);
    expect(state).toBeNull();
    expect(diagnostics).toEqual([{ severity: "ERROR", summary: "Archive creation error", detail: detail(folder) }]);
    await expect(readFile(join(folder, "out/archive.zip"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("validation", () => {
  const nothing =
    "Nothing to archive: set one of source, source_content_filename (with source_content), source_file or source_dir.";
  const block = { source: [{ filename: "a", content: "b" }] };

  test.each<[string, object, string[]]>([
    ["no source", {}, [nothing]],
    ["content without a filename", { source_content: "x" }, [nothing]],
    [
      "a file and a directory",
      { source_file: "a", source_dir: "b" },
      ["source_dir and source_file are both set: they exclude each other."],
    ],
    [
      "blocks and content",
      { ...block, source_content: "x", source_content_filename: "y" },
      [
        "source_content and source are both set: they exclude each other.",
        "source_content_filename and source are both set: they exclude each other.",
      ],
    ],
    [
      "excludes of a file, even none",
      { source_file: "a", excludes: [] },
      ["excludes and source_file are both set: they exclude each other."],
    ],
    ["a directory with excludes", { source_dir: "a", excludes: ["b"] }, []],
    ["blocks alone", block, []],
    ["a source that is not known yet", { source_file: new ExtData(0, new Uint8Array(1)) }, []],
    [
      "a directory beside a source that is not known yet",
      { source_dir: "a", source_file: new ExtData(0, new Uint8Array(1)) },
      [],
    ],
  ])("%s", async (_, config, details) => {
    expect(await validate(config)).toEqual(
      details.map((detail) => ({ severity: "ERROR", summary: "Invalid archive_file", detail })),
    );
  });
});

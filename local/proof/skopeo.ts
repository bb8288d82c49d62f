import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { SkopeoError } from "./errors";
import type { ImageSource, RegistryLocation } from "./registry";

export async function isInstalled(program: string): Promise<boolean> {
  for (const directory of (process.env.PATH ?? "").split(delimiter)) {
    if (
      await access(join(directory, program)).then(
        () => true,
        () => false,
      )
    )
      return true;
  }
  return false;
}

/** Lets skopeo pull the image into a directory, and reads it there. */
export async function pullWithSkopeo(location: RegistryLocation): Promise<ImageSource & { close(): Promise<void> }> {
  const { host, repository, tag, authorization, proxyUrl, caFile, plainHttp = false } = location;
  const directory = await mkdtemp(join(tmpdir(), "proof-"));
  const close = (): Promise<void> => rm(directory, { recursive: true });
  const image = join(directory, "image");
  const reference = `${host}/${repository}:${tag}`;
  try {
    // A file, not an argument: everybody on the machine can read arguments.
    const auth = join(directory, "auth.json");
    const auths = authorization === undefined ? {} : { [host]: { auth: authorization.replace(/^Basic /i, "") } };
    await writeFile(auth, JSON.stringify({ auths }), { mode: 0o600 });
    const args = ["--insecure-policy", "copy", "--all", "--preserve-digests", "--src-authfile", auth];
    if (plainHttp) args.push("--src-tls-verify=false");
    const { code, output } = await run("skopeo", [...args, `docker://${reference}`, `dir:${image}`], {
      ...(proxyUrl === undefined ? {} : { HTTPS_PROXY: proxyUrl }),
      ...(caFile === undefined ? {} : { SSL_CERT_FILE: caFile }),
    });
    if (code !== 0) throw new SkopeoError(reference, code, output);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    // https://github.com/containers/image/blob/v5.24.0/directory/directory_transport.go
    manifest: async (digest) => ({
      bytes: await readFile(join(image, digest === undefined ? "manifest.json" : `${hex(digest)}.manifest.json`)),
    }),
    blob: (digest) => Promise.resolve(createReadStream(join(image, hex(digest)))),
    close,
  };
}

function hex(digest: string): string {
  return digest.slice("sha256:".length);
}

function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    // Of the surrounding environment only what finds programs and folders: a NO_PROXY of the user would lead past us.
    const { PATH, HOME, TMPDIR } = process.env;
    const child = spawn(program, args, { env: { PATH, HOME, TMPDIR, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stdout.resume();
    child.once("error", reject);
    child.once("close", (code) => {
      resolve({ code, output });
    });
  });
}

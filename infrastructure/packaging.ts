import { type BinaryToTextEncoding, createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DataArchiveFile } from "@cdktf/provider-archive/lib/data-archive-file";
import { TerraformStack } from "cdktf";
// The hook by which TerraformAsset copies files into the stack's folder. It takes paths only; what is packed here exists in memory.
import { addCustomSynthesis } from "cdktf/lib/synthesize/synthesizer";
import { Construct } from "constructs";
import { zipSync, type Zippable } from "fflate";
import type { PipelineConfig } from "../config/schema";

/** Content of the files of a zip, by their paths in it. */
export type Files = Readonly<Record<string, Uint8Array>>;

export interface PackageProps {
  /** Who zips: Terraform when it plans (`archive`), or synth (`prebuilt`). */
  readonly packaging: PipelineConfig["packaging"];
  readonly files: Files;
}

/** A zip that Terraform uploads: where it lies, relative to the stack's folder, and what it will hash to. */
export class Package extends Construct {
  readonly path: string;
  /** In hexadecimal: S3's ETag of the zip. */
  readonly md5: string;
  readonly base64Sha256: string;

  constructor(scope: Construct, id: string, { packaging, files }: PackageProps) {
    super(scope, id);
    const folder = `assets/${TerraformStack.of(this).getLogicalId(this.node)}`;
    this.path = `${folder}.zip`;
    const hashes = packaging === "archive" ? this.#leaveToTerraform(folder, files) : this.#zipNow(files);
    this.md5 = hashes.md5;
    this.base64Sha256 = hashes.base64Sha256;
  }

  /** The files go into the stack's folder, and a data source zips them there. */
  #leaveToTerraform(folder: string, files: Files) {
    const entries = Object.entries(files).map(([name, content]): [string, Uint8Array] => [
      `${folder}/${name}`,
      content,
    ]);
    this.#writeOnSynth(folder, Object.fromEntries(entries));
    const archive = new DataArchiveFile(this, "archive", {
      type: "zip",
      sourceDir: folder,
      outputPath: this.path,
      // Without it the zip carries the modes that this machine's umask gave the files.
      outputFileMode: "0644",
    });
    return { md5: archive.outputMd5, base64Sha256: archive.outputBase64Sha256 };
  }

  /** The zip itself goes into the stack's folder, and its hash into the JSON: plan and apply need not share a disk. */
  #zipNow(files: Files) {
    const zip = zipDeterministically(files);
    this.#writeOnSynth(this.path, { [this.path]: zip });
    const hash = (algorithm: string, encoding: BinaryToTextEncoding) =>
      createHash(algorithm).update(zip).digest(encoding);
    return { md5: hash("md5", "hex"), base64Sha256: hash("sha256", "base64") };
  }

  /** Replaces `target`, a path in the stack's folder, by these files. */
  #writeOnSynth(target: string, files: Files): void {
    const stack = TerraformStack.of(this);
    addCustomSynthesis(this, {
      onSynthesize: ({ outdir, manifest }) => {
        const stackFolder = join(outdir, manifest.forStack(stack).workingDirectory);
        rmSync(join(stackFolder, target), { recursive: true, force: true });
        for (const [path, content] of Object.entries(files)) {
          mkdirSync(dirname(join(stackFolder, path)), { recursive: true });
          writeFileSync(join(stackFolder, path), content);
        }
      },
    });
  }
}

const UNIX = 3;
const FILE_MODE_0644 = 0o100644;

/**
 * A zip that depends on names and contents only: entries sorted, the earliest time that a zip can hold, one mode for all, and a
 * compressor that is the same on every machine.
 */
function zipDeterministically(files: Files): Uint8Array {
  const names = Object.keys(files).toSorted();
  return zipSync(Object.fromEntries(names.map((name) => [name, files[name]])) as Zippable, {
    // Zip times are local times, and so are the parts of this date.
    mtime: new Date(1980, 0, 1),
    os: UNIX,
    attrs: FILE_MODE_0644 << 16,
  });
}

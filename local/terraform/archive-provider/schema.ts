/**
 * What `data archive_file` takes and gives in hashicorp/archive 2.7.1.
 * https://registry.terraform.io/providers/hashicorp/archive/2.7.1/docs/data-sources/file
 */

/** One data block's arguments; null where the configuration leaves one out. */
export interface ArchiveFileConfig {
  readonly type: string;
  readonly output_path: string;
  readonly output_file_mode: string | null;
  readonly source_file: string | null;
  readonly source_dir: string | null;
  readonly source_content: string | null;
  readonly source_content_filename: string | null;
  readonly source: readonly { readonly content: string; readonly filename: string }[];
  readonly excludes: readonly string[] | null;
  readonly exclude_symlink_directories: boolean | null;
}

/** What the data source computes from the archive's bytes. */
export interface ArchiveFileOutput {
  readonly id: string;
  readonly output_size: number;
  readonly output_md5: string;
  readonly output_sha: string;
  readonly output_sha256: string;
  readonly output_base64sha256: string;
  readonly output_sha512: string;
  readonly output_base64sha512: string;
}

type Use = "required" | "optional" | "computed";

const attributes: Record<
  Exclude<keyof ArchiveFileConfig, "source"> | keyof ArchiveFileOutput,
  readonly [unknown, Use]
> = {
  type: ["string", "required"],
  output_path: ["string", "required"],
  output_file_mode: ["string", "optional"],
  source_file: ["string", "optional"],
  source_dir: ["string", "optional"],
  source_content: ["string", "optional"],
  source_content_filename: ["string", "optional"],
  excludes: [["set", "string"], "optional"],
  exclude_symlink_directories: ["bool", "optional"],
  id: ["string", "computed"],
  output_size: ["number", "computed"],
  output_md5: ["string", "computed"],
  output_sha: ["string", "computed"],
  output_sha256: ["string", "computed"],
  output_base64sha256: ["string", "computed"],
  output_sha512: ["string", "computed"],
  output_base64sha512: ["string", "computed"],
};

/** The answer to GetSchema, as the protocol has it: types are cty's JSON notation. */
export const providerSchema = {
  provider: { version: 0, block: {} },
  data_source_schemas: {
    archive_file: {
      version: 0,
      block: {
        attributes: Object.entries(attributes).map(([name, [type, use]]) => attribute(name, type, use)),
        block_types: [
          {
            type_name: "source",
            nesting: "SET",
            block: {
              attributes: [attribute("content", "string", "required"), attribute("filename", "string", "required")],
            },
          },
        ],
      },
    },
  },
};

function attribute(name: string, type: unknown, use: Use): Record<string, unknown> {
  return { name, type: Buffer.from(JSON.stringify(type)), [use]: true };
}

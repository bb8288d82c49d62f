import { ExtData } from "@msgpack/msgpack";

/** The ways to say what goes into an archive; each excludes the attributes listed with it. */
const sources = {
  source_dir: ["source_file", "source_content", "source_content_filename", "source"],
  source_file: ["source_content", "source_content_filename", "source"],
  source_content: ["source"],
  source_content_filename: ["source"],
  excludes: ["source_file", "source_content", "source_content_filename"],
} as const;

/**
 * What is wrong with one data block, before anything is read. Values may still be unknown, which counts as neither set nor
 * absent.
 */
export function configProblems(config: Record<string, unknown>): string[] {
  const state = (name: string): "set" | "absent" | "unknown" => {
    const value = config[name];
    // Terraform's unknown value is a MessagePack extension.
    if (value instanceof ExtData) return "unknown";
    // Blocks that are not there arrive as an empty set, unlike attributes.
    const absent = name === "source" ? Array.isArray(value) && value.length === 0 : value === null;
    return absent ? "absent" : "set";
  };
  const problems: string[] = [];
  if (["source", "source_content_filename", "source_file", "source_dir"].every((name) => state(name) === "absent")) {
    problems.push(
      "Nothing to archive: set one of source, source_content_filename (with source_content), source_file or source_dir.",
    );
  }
  for (const [name, others] of Object.entries(sources)) {
    if (state(name) !== "set") continue;
    for (const other of others.filter((other) => state(other) === "set")) {
      problems.push(`${name} and ${other} are both set: they exclude each other.`);
    }
  }
  return problems;
}

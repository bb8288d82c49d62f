import { readFileSync } from "node:fs";
import { types } from "node:util";

/** A file's text, or why there is none. */
type FileText =
  | { readonly text: string }
  | { readonly text?: undefined; readonly reason: "missing" | "encoding" | "unreadable"; readonly cause: unknown };

/** Reads UTF-8. */
export function readText(file: string): FileText {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file)) };
  } catch (cause) {
    const code = types.isNativeError(cause) && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT") return { reason: "missing", cause };
    return { reason: code === "ERR_ENCODING_INVALID_ENCODED_DATA" ? "encoding" : "unreadable", cause };
  }
}

export function messageOf(error: unknown): string {
  return types.isNativeError(error) ? error.message : String(error);
}

/** A command as an item of a YAML list, in a spelling that YAML cannot misread. */
export function asItem(command: string): string {
  const text = command.trimEnd();
  if (!text.includes("\n") && !text.includes("'")) return `- '${text}'`;
  if (!text.includes("\n") && !/["\\]/.test(text)) return `- "${text}"`;
  // The digit is needed where the first line starts with spaces of its own.
  const header = /^\n*[ ]/.test(text) ? "|2" : "|";
  return [`- ${header}`, ...text.split("\n").map((line) => (line === "" ? "" : `  ${line}`))].join("\n");
}

/** Without the indentation that all lines share. */
export function dedent(text: string): string {
  const lines = text.split("\n");
  const depths = lines.filter((line) => line.trim() !== "").map((line) => line.search(/[^ ]/));
  const depth = Math.min(...depths);
  return lines.map((line) => line.slice(Number.isFinite(depth) ? depth : 0)).join("\n");
}

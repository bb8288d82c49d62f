/** Names come from the archive and may hold anything; a log line must stay one. */
export function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();
}

export function say(line: string): void {
  console.error(oneLine(line));
}

/** A name under which an image was saved. */
export interface Reference {
  /** As written. Made of letters, digits and `. _ - / :` only, and begins with a letter or digit. */
  readonly text: string;
  /** `host` or `host:port`; absent for images of Docker Hub. */
  readonly host?: string;
  /** Components of the repository's path. */
  readonly path: readonly string[];
  readonly tag: string;
}

/** https://github.com/distribution/reference/blob/v0.6.0/reference.go; hosts that are IPv6 addresses are left out. */
const REFERENCE = /^(?<name>[^@]+):(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$/;
const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;

/** Undefined for what is no `[host[:port]/]path:tag`: docker would not take it either. */
export function parseReference(text: string): Reference | undefined {
  const { name, tag } = REFERENCE.exec(text)?.groups ?? {};
  if (name === undefined || tag === undefined) return undefined;
  const [first = "", ...rest] = name.split("/");
  // The rule by which docker itself tells `localhost:5000/web` from `library/web`.
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  if (hasHost && !HOST.test(first)) return undefined;
  const path = hasHost ? rest : [first, ...rest];
  if (path.some((component) => !COMPONENT.test(component))) return undefined;
  return { text, ...(hasHost && { host: first }), path, tag };
}

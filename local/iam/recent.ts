/** Milliseconds for which what was read counts as what is there; on AWS, a change of a policy takes seconds to be seen everywhere. */
const FRESH_MS = 1000;

/** Values that are read again when they are asked for and no longer fresh; who asks meanwhile waits for the same read. */
export class Recent<Value> {
  readonly #entries = new Map<string, { readonly value: Promise<Value>; readonly expires: number }>();

  constructor(private readonly now: () => number) {}

  get(key: string, read: () => Promise<Value>): Promise<Value> {
    const known = this.#entries.get(key);
    if (known !== undefined && this.now() < known.expires) return known.value;
    const value = read();
    this.#entries.set(key, { value, expires: this.now() + FRESH_MS });
    value.catch(() => this.#entries.delete(key));
    return value;
  }
}

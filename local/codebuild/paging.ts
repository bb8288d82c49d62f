/** The most entries that a List operation returns in one answer. */
const pageSize = 100;

/** One page of `all` from the place that `token`, an earlier answer's `nextToken`, names. */
export function page<Item>(all: readonly Item[], token = "0"): { items: Item[]; nextToken?: string } {
  const start = Number(token);
  const end = start + pageSize;
  return { items: all.slice(start, end), ...(end < all.length && { nextToken: String(end) }) };
}

/** A check that a resource does not pass, as infrastructure/accept.ts wrote it beside the resource. */
export interface Accepted {
  readonly check: string;
  /** The resource's address in its stack. */
  readonly resource: string;
  /** Where its construct stands below the stack: `pipeline/bucket/private/bucket`. */
  readonly path: string;
  readonly reason: string;
}

type Comment = Readonly<{ accepted?: Readonly<Record<string, string>>; metadata?: { readonly path: string } }>;
type Blocks = Readonly<Record<string, Readonly<Record<string, { readonly "//"?: Comment }>>>>;

/** What a synthesised stack says of its exceptions. */
export function acceptedIn(stack: object): Accepted[] {
  const { resource = {} } = stack as { readonly resource?: Blocks };
  return Object.entries(resource).flatMap(([type, blocks]) =>
    Object.entries(blocks).flatMap(([id, { "//": comment = {} }]) =>
      Object.entries(comment.accepted ?? {}).map(([check, reason]) => ({
        check,
        resource: `${type}.${id}`,
        path: comment.metadata?.path.split("/").slice(1).join("/") ?? "",
        reason,
      })),
    ),
  );
}

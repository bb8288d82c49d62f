/** A value of a drop is outside of what S3 can produce. */
export class InvalidDropError extends Error {
  override readonly name = "InvalidDropError";

  constructor(
    readonly field: string,
    rule: string,
    found: unknown,
  ) {
    super(`drop ${field} must be ${rule}, got: ${excerpt(found)}`);
  }
}

/** A build that handles a drop was started without saying which. */
export class MissingDropVariableError extends Error {
  override readonly name = "MissingDropVariableError";

  constructor(readonly variables: readonly string[]) {
    super(
      `no drop to publish: ${variables.join(" and ")} not set or empty, expected DROP_BUCKET and DROP_KEY as the trigger ` +
        "passes them; upload the archive again, or start the build with both as environment overrides",
    );
  }
}

/** A message or event has none of the shapes that carry a finished upload, or breaks the one that it claims to have. */
export class UnreadableEventError extends Error {
  override readonly name = "UnreadableEventError";

  constructor(found: string, expected: string, options?: ErrorOptions) {
    super(
      `cannot read the event: found ${found}, expected ${expected}; ` +
        "let only the pipeline's own trigger send here, then replay or delete what failed",
      options,
    );
  }
}

/** A topic wants its subscription confirmed, or says that it has ended. Whoever subscribes their own queue or function gets neither. */
export class TopicConfirmationError extends Error {
  override readonly name = "TopicConfirmationError";

  constructor(topic: string, type: string) {
    super(
      `topic ${excerpt(topic)} sends no uploads: found its ${type}, expected notifications; open the message's SubscribeURL if the ` +
        "pipeline is to take that topic's uploads, otherwise delete the message",
    );
  }
}

/** routes.json, or what is to be written into it, is no table of routes. */
export class InvalidRoutesError extends Error {
  override readonly name = "InvalidRoutesError";

  constructor(problem: string, options?: ErrorOptions) {
    super(`routes.json: ${problem}; synthesise and apply the stack again, routes.json is written by it`, options);
  }
}

const EXCERPT_LENGTH = 80;

/** A value as JSON, cut to a length that a log line bears: what a stranger sends may be long. */
export function excerpt(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > EXCERPT_LENGTH ? `${text.slice(0, EXCERPT_LENGTH)}... (${text.length} characters)` : text;
}

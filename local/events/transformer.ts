import type { InputTransformer, Target } from "@aws-sdk/client-eventbridge";

import { InvalidJsonError, InvalidTargetInputError } from "./errors";
import type { Json, JsonObject } from "./json";
import { follow } from "./json-path";

/** What a template can say of the rule and of the moment, beside the event. */
export interface RuleContext {
  readonly ruleArn: string;
  readonly ruleName: string;
  /** When EventBridge got the event. */
  readonly ingestionTime: Date;
}

/** https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html */
const MOST_PATHS = 100;
const MOST_TEMPLATE_CHARACTERS = 8192;
const VARIABLE = /^[\w-]{1,256}$/;

const PLACEHOLDER = /<([\w.-]+)>/y;

/**
 * The JSON text that a target gets: the event, a part of it, a constant, or what the transformer makes of it. An extracted value is
 * not escaped, as with AWS: inside of quotes, a quote in it breaks the JSON.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 *
 * @throws InvalidJsonError, InvalidTargetInputError, JsonPathError
 */
export function targetInput(target: Target, event: JsonObject, context: RuleContext): string {
  const { Input, InputPath, InputTransformer } = target;
  const given = Object.entries({ Input, InputPath, InputTransformer }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    const names = given.map(([name]) => name).join(" and ");
    throw new InvalidTargetInputError(
      `Target ${target.Id ?? ""} has ${names}; at most one of Input, InputPath and InputTransformer may be set`,
    );
  }
  if (Input !== undefined) return checkedJson(Input);
  if (InputTransformer !== undefined) return checkedJson(transform(InputTransformer, event, context));
  const part = follow(InputPath ?? "$", event);
  if (part === undefined) {
    throw new InvalidTargetInputError(
      `The InputPath ${InputPath ?? ""} leads to nothing in the event, and AWS does not say what the target gets then`,
    );
  }
  return JSON.stringify(part);
}

function transform(transformer: InputTransformer, event: JsonObject, context: RuleContext): string {
  const { InputPathsMap = {}, InputTemplate = "" } = transformer;
  checkTransformer(InputPathsMap, InputTemplate);
  const variables = new Map<string, Json | undefined>([
    ...Object.entries(InputPathsMap).map(([name, path]) => [name, follow(path, event)] as const),
    ...predefined(event, context),
  ]);
  return fillIn(InputTemplate, (name) => {
    if (variables.has(name)) return variables.get(name);
    throw new InvalidTargetInputError(
      `The template has the placeholder <${name}>, which is neither in the InputPathsMap nor predefined ` +
        `(${[...predefined(event, context).keys()].join(", ")})`,
    );
  });
}

function checkTransformer(paths: Readonly<Record<string, string>>, template: string): void {
  const names = Object.keys(paths);
  if (names.length > MOST_PATHS) {
    throw new InvalidTargetInputError(
      `The InputPathsMap has ${names.length} paths; it must have at most ${MOST_PATHS}`,
    );
  }
  const wrong = names.find((name) => !VARIABLE.test(name));
  if (wrong !== undefined) {
    throw new InvalidTargetInputError(
      `The variable "${wrong}" of the InputPathsMap must be 1 to 256 letters, digits, - or _`,
    );
  }
  if (template.length < 1 || template.length > MOST_TEMPLATE_CHARACTERS) {
    throw new InvalidTargetInputError(
      `The template has ${template.length} characters; it must have 1 to ${MOST_TEMPLATE_CHARACTERS}`,
    );
  }
}

function predefined(event: JsonObject, { ruleArn, ruleName, ingestionTime }: RuleContext): ReadonlyMap<string, Json> {
  const envelope = Object.fromEntries(Object.entries(event).filter(([name]) => name !== "detail"));
  return new Map<string, Json>([
    ["aws.events.rule-arn", ruleArn],
    ["aws.events.rule-name", ruleName],
    ["aws.events.event.ingestion-time", ingestionTime.toISOString()],
    ["aws.events.event", envelope],
    ["aws.events.event.json", event],
  ]);
}

/** Inside of quotes a string is put in as it is, outside as JSON; what the event does not have leaves nothing. */
function fillIn(template: string, valueOf: (name: string) => Json | undefined): string {
  let result = "";
  let quoted = false;
  let filled = false;
  for (let index = 0; index < template.length;) {
    const character = template.charAt(index);
    PLACEHOLDER.lastIndex = index;
    const [placeholder, name] = PLACEHOLDER.exec(template) ?? [];
    if (placeholder !== undefined && name !== undefined) {
      const value = valueOf(name);
      if (value !== undefined) result += quoted && typeof value === "string" ? value : JSON.stringify(value);
      filled = true;
      index += placeholder.length;
      continue;
    }
    if (character === "<" || character === ">") {
      throw new InvalidTargetInputError(
        `The template has a ${character} at character ${index + 1} that belongs to no placeholder, and AWS has no escape for it; ` +
          `in a JSON string, write ${character === "<" ? "\\u003c" : "\\u003e"}`,
      );
    }
    // An escaped character ends no string.
    const length = quoted && character === "\\" ? 2 : 1;
    result += template.slice(index, index + length);
    index += length;
    if (character !== '"') continue;
    if (quoted && filled && /^\s*:/.test(template.slice(index))) {
      throw new InvalidTargetInputError("A placeholder of the template is part of an object's key, which AWS refuses");
    }
    quoted = !quoted;
    filled = false;
  }
  return result;
}

function checkedJson(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch (cause) {
    throw new InvalidJsonError(text, { cause });
  }
}

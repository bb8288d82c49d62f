import type {
  AdvancedEventSelector,
  AdvancedFieldSelector,
  EventSelector,
  GetEventSelectorsResponse,
} from "@aws-sdk/client-cloudtrail";

import { UnsupportedSelectorError } from "./errors";

/** A call of S3 on an object, as far as selectors look at it. */
export interface DataCall {
  readonly eventName: string;
  readonly objectArn: string;
  readonly readOnly: boolean;
}

const OBJECT = "AWS::S3::Object";

/**
 * Whether a trail with these selectors records the call. Without a selector for data events, a trail records none.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
 *
 * @throws UnsupportedSelectorError
 */
export function records(selectors: GetEventSelectorsResponse, call: DataCall): boolean {
  const { EventSelectors: basic = [], AdvancedEventSelectors: advanced = [] } = selectors;
  return (
    basic.some((selector) => basicRecords(selector, call)) ||
    advanced.some((selector) => advancedRecords(selector, call))
  );
}

/** https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DataResource.html */
function basicRecords({ ReadWriteType = "All", DataResources = [] }: EventSelector, call: DataCall): boolean {
  if (ReadWriteType === (call.readOnly ? "WriteOnly" : "ReadOnly")) return false;
  // A value is the beginning of the ARNs of objects: of some, of all in a bucket, or of all.
  return DataResources.some(
    ({ Type, Values = [] }) => Type === OBJECT && Values.some((value) => call.objectArn.startsWith(value)),
  );
}

/** https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html */
function advancedRecords({ FieldSelectors = [] }: AdvancedEventSelector, call: DataCall): boolean {
  const fields: ReadonlyMap<string | undefined, string> = new Map([
    ["eventCategory", "Data"],
    ["resources.type", OBJECT],
    ["resources.ARN", call.objectArn],
    ["eventName", call.eventName],
    ["readOnly", String(call.readOnly)],
  ]);
  // First all, so that a field that is not known is told whatever the others say.
  const verdicts = FieldSelectors.map((selector) => {
    const value = fields.get(selector.Field);
    if (value === undefined) throw new UnsupportedSelectorError(selector.Field ?? "", [...fields.keys()].map(String));
    return selects(selector, value);
  });
  return verdicts.length > 0 && verdicts.every(Boolean);
}

/**
 * One of the values must be met by one of the operators, and none of the Not operators' values.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html
 */
function selects(selector: AdvancedFieldSelector, value: string): boolean {
  const {
    Equals = [],
    StartsWith = [],
    EndsWith = [],
    NotEquals = [],
    NotStartsWith = [],
    NotEndsWith = [],
  } = selector;
  const startsWith = (start: string): boolean => value.startsWith(start);
  const endsWith = (end: string): boolean => value.endsWith(end);
  const wanted = Equals.length + StartsWith.length + EndsWith.length;
  const selected = Equals.includes(value) || StartsWith.some(startsWith) || EndsWith.some(endsWith);
  const excluded = NotEquals.includes(value) || NotStartsWith.some(startsWith) || NotEndsWith.some(endsWith);
  return (wanted === 0 || selected) && !excluded;
}

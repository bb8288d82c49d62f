import type { ErrorCode } from "./errors";

/** An event on its way from a rule to one of the rule's targets. */
interface Delivery {
  /** Of the event. */
  readonly eventId: string;
  readonly ruleArn: string;
  readonly targetArn: string;
}

/** What happens on the event bus and to trails, for whoever shows or records it. */
export type BusEvent =
  | (Delivery & { readonly type: "delivered" })
  /** It failed, and comes again. */
  | (Delivery & {
      readonly type: "retried";
      readonly code: ErrorCode;
      readonly reason: string;
      readonly waitMs: number;
    })
  /** It failed for good, and is kept in a queue. */
  | (Delivery & {
      readonly type: "dead-lettered";
      readonly code: ErrorCode;
      readonly reason: string;
      readonly queueArn: string;
    })
  /** It failed for good, and is lost. */
  | (Delivery & { readonly type: "dropped"; readonly code: ErrorCode; readonly reason: string })
  /** A trail records the call of an API, which is an event then. */
  | { readonly type: "recorded"; readonly eventId: string; readonly call: string; readonly trailArn: string }
  /** Something that is applied cannot be done, or AWS's API failed. */
  | { readonly type: "problem"; readonly error: Error };

export type OnBusEvent = (event: BusEvent) => void;

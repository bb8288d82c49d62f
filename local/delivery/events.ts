/** What happens to deliveries, for whoever shows or records it. Sources and destinations are ARNs. */
export type DeliveryEvent =
  | {
      readonly type: "delivered";
      readonly source: string;
      readonly destination: string;
      /** Such as `ObjectCreated:Put in/a.zip`. */
      readonly subject: string;
    }
  /** Lost: the destination's owner does not let the source in, or there is no such destination. */
  | {
      readonly type: "refused";
      readonly source: string;
      readonly destination: string;
      readonly subject: string;
      readonly reason: string;
    }
  /** Given up and kept in another queue. */
  | {
      readonly type: "dead-lettered";
      readonly source: string;
      readonly destination: string;
      readonly subject: string;
      readonly reason: string;
    }
  /** An asynchronous invocation that failed, and comes again. */
  | {
      readonly type: "retried";
      readonly functionArn: string;
      readonly requestId: string;
      readonly reason: string;
      readonly waitMs: number;
    }
  /** An asynchronous invocation that is given up, of a function that has no destination for failures. */
  | {
      readonly type: "discarded";
      readonly functionArn: string;
      readonly requestId: string;
      readonly reason: string;
    }
  /** Something that the applied configuration asks for cannot be done, or AWS's API failed. */
  | { readonly type: "problem"; readonly error: Error };

export type OnDeliveryEvent = (event: DeliveryEvent) => void;

export function problem(error: unknown): DeliveryEvent {
  return { type: "problem", error: error instanceof Error ? error : new Error(String(error)) };
}

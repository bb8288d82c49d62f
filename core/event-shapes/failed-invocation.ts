import { type Envelope, isJsonObject } from "./shape";

/**
 * What Lambda sends to the failure destination of a function that was invoked asynchronously. It can be sent to the function, or to
 * its queue, as it is: the event inside is read as if it came for the first time.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
 */
export const failedInvocation: Envelope = {
  name: "the record of a failed invocation",
  matches: (event) => isJsonObject(event.requestContext) && "requestPayload" in event,
  open: (event) => [event.requestPayload],
};

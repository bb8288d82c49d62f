import * as z from "zod/mini";
import type { Refusal } from "./errors";
import type { HttpResponse } from "./http";

const errorsSchema = z.object({
  errors: z.array(z.object({ code: z.string(), message: z.optional(z.string()) })).check(z.minLength(1)),
});

export function readRefusal(host: string, { status, headers, body }: HttpResponse): Refusal {
  const retryAfter = readRetryAfter(headers["retry-after"]);
  return { host, status, ...readErrors(body), ...(retryAfter !== undefined && { retryAfter }) };
}

/** The first of the errors that a registry lists, or the text that something in front of it says. */
function readErrors(body: Buffer): { code: string; message: string } {
  const text = body.toString("utf8");
  try {
    const [error] = errorsSchema.parse(JSON.parse(text)).errors;
    return { code: error?.code ?? "", message: error?.message ?? "" };
  } catch {
    return { code: "", message: text.slice(0, 200).trim() };
  }
}

/** Milliseconds: the header has seconds or a date (https://www.rfc-editor.org/rfc/rfc9110#name-retry-after). */
function readRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const wait = /^[0-9]+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

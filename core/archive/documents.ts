import type * as z from "zod/mini";
import { TooMuchJsonError } from "./errors";
import { parseJson } from "./json";
import type { TarIndex } from "./tar";

/** The JSON of an archive, read for one purpose: all of it together stays small enough for memory. */
export class Documents {
  #read = 0;

  constructor(readonly tar: TarIndex) {}

  /** @param wantedBy what names the file, for the message if it is not there. */
  async bytes(name: string, wantedBy: string): Promise<Buffer> {
    const { limits, source } = this.tar;
    this.#read += Math.min(this.tar.file(name, wantedBy).size, limits.json);
    if (this.#read > limits.jsonTotal) throw new TooMuchJsonError(source.name, limits.jsonTotal);
    return this.tar.bytes(name, wantedBy);
  }

  parse<T>(schema: z.ZodMiniType<T>, bytes: Buffer, what: string): T {
    return parseJson(schema, bytes, what, this.tar.limits);
  }
}

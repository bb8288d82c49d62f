import { statfsSync } from "node:fs";
import { SpoolFullError } from "./errors";

/** The room that is left in a directory. */
export class Room {
  constructor(
    readonly directory: string,
    readonly remedy?: string,
  ) {}

  check(needed: number): void {
    const free = this.#free();
    if (free < needed) throw new SpoolFullError(this.directory, needed, free, this.remedy);
  }

  /** Gives a disk that fills up meanwhile its name. */
  async explain<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      throw new SpoolFullError(this.directory, "more", this.#free(), this.remedy);
    }
  }

  #free(): number {
    const { bavail, bsize } = statfsSync(this.directory);
    return bavail * bsize;
  }
}

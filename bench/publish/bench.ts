import type { Publisher } from "./publisher";

/** What every case works with. */
export interface PublishBench {
  /** The project's folder. */
  readonly root: string;
  /** Takes images and registries. */
  readonly directory: string;
  readonly rounds: number;
  /** Of the image. */
  readonly bytes: number;
  readonly publisher: Publisher;
  /** The Node.js that builds have. */
  readonly node: string;
}

export function say(line: string): void {
  console.error(line);
}

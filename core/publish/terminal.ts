import type { WriteStream } from "node:tty";
import type { LayerPosition, PublishEvent } from "./events";
import { layer, megabytes, rate, renderEvent } from "./progress";
import { oneLine } from "./say";

const BAR = 24;
/** Milliseconds from one picture to the next. */
export const TERMINAL_INTERVAL = 200;

/** Key of the line that moves while an archive is read. */
const ARCHIVE = "archive";

/** Lines for what has happened, and below them one that moves for the archive, or for each layer under way. */
export class TerminalProgress {
  readonly #running = new Map<string, string>();
  #drawn = 0;

  constructor(private readonly terminal: WriteStream) {}

  readonly listener = (event: PublishEvent): void => {
    if (event.type === "layer-progress" || event.type === "archive-progress") {
      if (event.type === "layer-progress") this.#running.set(event.diffId, bar(event));
      else this.#running.set(ARCHIVE, renderEvent(event));
      this.#draw();
      return;
    }
    this.#running.delete(event.type === "layer" ? event.diffId : ARCHIVE);
    this.say(renderEvent(event));
  };

  say(line: string): void {
    this.#clear();
    this.terminal.write(`${oneLine(line)}\n`);
    this.#draw();
  }

  /** What failed leaves no half line behind. */
  end(): void {
    this.#running.clear();
    this.#clear();
  }

  #clear(): void {
    if (this.#drawn > 0) {
      this.terminal.moveCursor(0, -this.#drawn);
      this.terminal.cursorTo(0);
      this.terminal.clearScreenDown();
    }
    this.#drawn = 0;
  }

  #draw(): void {
    this.#clear();
    const lines = [...this.#running.values()].map((line) => line.slice(0, this.terminal.columns - 1));
    if (lines.length > 0) this.terminal.write(`${lines.join("\n")}\n`);
    this.#drawn = lines.length;
  }
}

function bar(event: LayerPosition & { readonly done: number; readonly seconds: number }): string {
  const share = event.size === 0 ? 1 : Math.min(1, event.done / event.size);
  const filled = Math.round(share * BAR);
  const drawn = "#".repeat(filled) + ".".repeat(BAR - filled);
  return `${layer(event)} [${drawn}] ${megabytes(event.done)}${rate(event.done, event.seconds)}`;
}

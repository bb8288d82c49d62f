import { setMaxListeners } from "node:events";
import { buffer } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { readInPieces, Slots } from "../../core/archive/pieces";
import { streamOf } from "../../core/archive/source";

const BODY = Buffer.from(Array.from({ length: 100 }, (_, at) => at));

/** Fetches that go on only as far as they are told. */
class Fetches {
  /** Starts of the pieces that were asked for, in order. */
  readonly started: number[] = [];
  readonly aborted: number[] = [];
  /** Bytes that were handed over. */
  given = 0;
  readonly #gates = new Map<number, (failure?: Error) => void>();

  /** @param isOpen whether pieces come without being told to */
  constructor(readonly isOpen = false) {}

  /** Lets a piece come, or fail. */
  answer(start: number, failure?: Error): void {
    this.#gates.get(start)?.(failure);
  }

  async *piece(start: number, end: number, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    this.started.push(start);
    setMaxListeners(0, signal);
    signal.addEventListener("abort", () => this.aborted.push(start));
    if (!this.isOpen) {
      await new Promise<void>((resolve, reject) => {
        this.#gates.set(start, (failure) => {
          if (failure) reject(failure);
          else resolve();
        });
        signal.addEventListener("abort", () => {
          reject(new Error("aborted"));
        });
      });
    }
    for (let at = start; at < end; at += 5) {
      this.given += 5;
      yield BODY.subarray(at, Math.min(at + 5, end));
    }
  }
}

function read(fetches: Fetches, slots = new Slots(3), [start, end] = [0, 100]): Readable {
  return streamOf((signal) =>
    readInPieces({ start, end, pieceSize: 10, slots, piece: (...args) => fetches.piece(...args), signal }),
  );
}

/** All that can happen without further answers. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}

test.each([
  [0, 100],
  [3, 98],
  [0, 10],
  [95, 100],
  [7, 7],
])("the bytes from %i to %i come in order", async (start, end) => {
  expect(await buffer(read(new Fetches(true), new Slots(3), [start, end]))).toEqual(BODY.subarray(start, end));
});

test("pieces that come out of order are delivered in order", async () => {
  const fetches = new Fetches();
  const all = buffer(read(fetches));
  await settle();
  for (const start of [30, 10, 20, 0, 40, 70, 60, 50, 90, 80]) {
    fetches.answer(start);
    await settle();
  }
  expect(await all).toEqual(BODY);
});

test("of one reader, four pieces are on their way at once", async () => {
  const fetches = new Fetches();
  const all = buffer(read(fetches));
  await settle();
  expect(fetches.started).toEqual([0, 10, 20, 30]);
  for (const start of [10, 20, 30]) fetches.answer(start);
  await settle();
  expect(fetches.started).toEqual([0, 10, 20, 30]);
  fetches.answer(0);
  await settle();
  expect(fetches.started).toEqual([0, 10, 20, 30, 40, 50, 60, 70]);
  for (let start = 40; start < 100; start += 10) {
    fetches.answer(start);
    await settle();
  }
  expect(await all).toEqual(BODY);
});

test("what nobody reads yet is kept of the pieces ahead alone", async () => {
  const fetches = new Fetches(true);
  const stream = read(fetches);
  stream.once("readable", () => undefined);
  await settle();
  // The stream's own buffer is larger than all.
  expect(fetches.given).toBe(100);
  stream.destroy();

  const slow = new Fetches(true);
  const chunks = readInPieces({
    start: 0,
    end: 100,
    pieceSize: 10,
    slots: new Slots(3),
    piece: (...args) => slow.piece(...args),
    signal: new AbortController().signal,
  });
  await chunks.next();
  await settle();
  expect([slow.started, slow.given]).toEqual([[0, 10, 20, 30], 5 + 3 * 10]);
  await chunks.return();
});

test("several readers share the pieces ahead, and none waits for another", async () => {
  const slots = new Slots(3);
  const [first, second] = [new Fetches(), new Fetches()];
  const stalled = buffer(read(first, slots)).catch(() => "stopped");
  await settle();
  const other = read(second, slots, [0, 30]);
  const all = buffer(other);
  await settle();
  expect([first.started, second.started]).toEqual([[0, 10, 20, 30], [0]]);
  for (const start of [0, 10, 20]) {
    second.answer(start);
    await settle();
  }
  expect(await all).toEqual(BODY.subarray(0, 30));
  first.answer(0, new Error("broken"));
  expect(await stalled).toBe("stopped");
  // What it held is free again.
  const third = new Fetches();
  const last = read(third, slots);
  last.resume();
  await settle();
  expect(third.started).toEqual([0, 10, 20, 30]);
  last.destroy();
});

test("destroying the stream stops every request", async () => {
  const fetches = new Fetches();
  const stream = read(fetches);
  stream.resume();
  await settle();
  stream.destroy();
  await settle();
  expect(fetches.aborted).toEqual([0, 10, 20, 30]);
  expect(fetches.started).toEqual([0, 10, 20, 30]);
});

test("a piece that fails fails the stream when its turn comes, and stops the others", async () => {
  const fetches = new Fetches();
  const failure = new Error("broken");
  const stream = read(fetches);
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const failed = new Promise((done) => stream.once("error", done));
  await settle();
  fetches.answer(10, failure);
  await settle();
  expect(stream.destroyed).toBe(false);
  fetches.answer(0);
  expect(await failed).toBe(failure);
  expect(Buffer.concat(chunks)).toEqual(BODY.subarray(0, 10));
  await settle();
  expect(fetches.aborted).toEqual(fetches.started);
});

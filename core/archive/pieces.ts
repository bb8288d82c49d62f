/** What readers of one object share: pieces that are fetched before anybody reads them. */
export class Slots {
  constructor(private free: number) {}

  take(): boolean {
    if (this.free === 0) return false;
    this.free--;
    return true;
  }

  give(): void {
    this.free++;
  }
}

type Chunks = AsyncGenerator<Buffer, void, undefined>;

export interface PiecesOptions {
  readonly start: number;
  readonly end: number;
  /** Bytes of a piece. */
  readonly pieceSize: number;
  /** Pieces ahead of the one that is read: each keeps up to `pieceSize` bytes in memory. */
  readonly slots: Slots;
  /** Fetches the bytes from `start` up to, not including, `end`. */
  readonly piece: (start: number, end: number, signal: AbortSignal) => Chunks;
  readonly signal: AbortSignal;
}

/**
 * A range in order, fetched in pieces of which several are on their way at once. The piece that is read comes as fast as its reader
 * takes it; only those ahead of it are fetched into memory, and those are as many as there are slots. So all readers of an object
 * together keep less than (slots + readers) x `pieceSize` bytes.
 */
export async function* readInPieces({ start, end, pieceSize, slots, piece, signal }: PiecesOptions): Chunks {
  const ahead: Piece[] = [];
  let next = start;
  const stop = new AbortController();
  const all = AbortSignal.any([signal, stop.signal]);
  const fetch = (): Chunks => {
    const from = next;
    next = Math.min(end, from + pieceSize);
    return piece(from, next, all);
  };
  const fetchAhead = (): void => {
    while (next < end && slots.take()) ahead.push(new Piece(fetch()));
  };
  try {
    while (next < end || ahead.length > 0) {
      const kept = ahead.shift();
      if (kept) slots.give();
      const current = kept ?? new Piece(fetch());
      fetchAhead();
      for await (const chunk of current.take()) {
        yield chunk;
        fetchAhead();
      }
    }
  } finally {
    stop.abort();
    ahead.forEach(() => {
      slots.give();
    });
  }
}

/** A piece that is fetched into memory until somebody reads it. */
class Piece {
  readonly #kept: Buffer[] = [];
  readonly #fetching: Promise<void>;
  #isRead = false;

  constructor(readonly chunks: Chunks) {
    this.#fetching = this.#fetch();
    // Whoever reads it learns of a failure; if nobody does, it matters to nobody.
    this.#fetching.catch(() => undefined);
  }

  async *take(): Chunks {
    this.#isRead = true;
    yield* this.#drain();
    await this.#fetching;
    yield* this.#drain();
    yield* this.chunks;
  }

  *#drain(): Generator<Buffer> {
    for (let chunk = this.#kept.shift(); chunk; chunk = this.#kept.shift()) yield chunk;
  }

  async #fetch(): Promise<void> {
    while (!this.#isRead) {
      const { done, value } = await this.chunks.next();
      if (done) return;
      this.#kept.push(value);
    }
  }
}

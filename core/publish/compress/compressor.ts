/** How layers are compressed on their way to the registry. */
export interface Compressor {
  readonly format: "gzip" | "zstd";
  /** What a log calls it. */
  readonly name: string;
  /** The same bytes for the same source, however that is cut into chunks: an upload that broke goes on with them. */
  readonly compress: (source: AsyncIterable<Buffer>, options?: CompressOptions) => AsyncIterable<Buffer>;
}

export interface CompressOptions {
  /** Whether others that compress at the same time are waited for, and so have the processor first. @default false */
  readonly yields?: boolean;
}

/** Nothing on this machine compresses as it is asked. */
export class NoCompressorError extends Error {
  override readonly name = "NoCompressorError";

  constructor(format: Compressor["format"]) {
    super(
      `layers cannot be compressed by ${format}: found Node.js ${process.versions.node} and no program ${format} on the PATH, ` +
        `expected Node.js 22.15 or newer or that program; install one of them, or set compression to gzip`,
    );
  }
}

/** An image as the tool that saved it tells of it. */
export interface RealImage {
  /** Names under which it was saved. */
  readonly references: readonly string[];
  /** `os/architecture[/variant]` */
  readonly platform: string;
  /** `sha256:<hex>` of the configuration. */
  readonly config: string;
  /** Lowest first. */
  readonly diffIds: readonly string[];
}

/** An archive that a real tool wrote. */
export interface RealArchive {
  readonly tool: string;
  /** What kind of archive it is, and of what, in words. */
  readonly form: string;
  readonly path: string;
  /** All names of its images. */
  readonly references: readonly string[];
  /** Its images; those of an index have the same references. */
  readonly images: readonly RealImage[];
  /** How its layers are compressed. */
  readonly compression: "none" | "gzip" | "zstd";
  /** Whether its image is an index. */
  readonly isIndex: boolean;
  /** Platforms that the index names and the archive lacks. */
  readonly missing: readonly string[];
}

/** A tool that is on this machine or not. */
export interface RealTool {
  readonly tool: string;
  /** Programs that it takes, and what installs them: for `requires`. */
  readonly programs: readonly (readonly [program: string, install: string])[];
  /** Makes small images below a folder and saves them in every form that the tool has; leaves nothing running. */
  readonly make: (directory: string) => Promise<readonly RealArchive[]>;
}

type Made = Pick<RealArchive, "tool" | "form" | "path" | "images"> & Partial<RealArchive>;

/** @param made what is not given is as in a docker-archive of one image */
export function realArchive(made: Made): RealArchive {
  const references = [...new Set(made.images.flatMap((image) => image.references))];
  return { references, compression: "none", isIndex: false, missing: [], ...made };
}

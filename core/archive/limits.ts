/** How much of an archive is believed. What stays below costs little memory; what `docker save` writes stays far below. */
export const LIMITS = {
  /** Members of the zip, and entries of the tar. */
  entries: 100_000,
  /** Characters of all names and link targets of the tar together: they are kept in memory. */
  names: 16 * 1024 * 1024,
  /** Bytes of manifest.json and of an image's configuration. A registry takes 4 MiB. */
  json: 4 * 1024 * 1024,
  /** Bytes of a tar header's extension (GNU long names, pax records). */
  headerExtension: 1024 * 1024,
} as const;

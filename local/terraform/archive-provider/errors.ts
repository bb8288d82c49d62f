/** The archive of a data block cannot be made; the message becomes the diagnostic's detail. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
}

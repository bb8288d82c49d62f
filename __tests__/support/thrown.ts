/** What the action throws, to be compared whole: name, message and all. Fails where it throws nothing. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("expected an error, nothing was thrown");
}

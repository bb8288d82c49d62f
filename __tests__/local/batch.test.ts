import { failedMessageIds } from "../../local/lambda/batch";

describe("what an answer says about a batch", () => {
  const ids = ["a", "b"];
  const failures = (...named: unknown[]) => ({
    batchItemFailures: named.map((itemIdentifier) => ({ itemIdentifier })),
  });

  test.each([
    ["no failures", { batchItemFailures: [] }, []],
    ["null", null, []],
    ["no list", {}, []],
    ["a null list", { batchItemFailures: null }, []],
    ["one", failures("b"), ["b"]],
    ["all", failures("b", "a"), ids],
    ["one twice", failures("a", "a"), ["a"]],
    ["a message of another batch", failures("a", "c"), ids],
    ["an empty identifier", failures(""), ids],
    ["a null identifier", failures(null), ids],
    ["a wrong key", { batchItemFailures: [{ id: "a" }] }, ids],
    ["no object in the list", { batchItemFailures: ["a"] }, ids],
    ["no list where one is due", { batchItemFailures: "a" }, ids],
    ["a string", "done", ids],
  ])("%s", (_name, payload, failed) => {
    expect(failedMessageIds(ids, { payload }, true)).toEqual(failed);
    expect(failedMessageIds(ids, { payload }, false)).toEqual([]);
  });

  test.each([true, false])("an error fails it whole (item failures: %j)", (reports) => {
    expect(failedMessageIds(ids, { payload: null, error: { errorType: "Error", errorMessage: "" } }, reports)).toEqual(
      ids,
    );
  });
});

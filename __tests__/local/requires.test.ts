import { requires } from "../support/requires";

const { CI } = process.env;

beforeEach(() => {
  jest.spyOn(console, "warn").mockImplementation(() => undefined);
});

afterEach(() => {
  jest.restoreAllMocks();
  if (CI === undefined) delete process.env.CI;
  else process.env.CI = CI;
});

test("a program on the PATH", () => {
  expect(requires("sh", "apt-get install dash")).toBe(true);
  expect(console.warn).not.toHaveBeenCalled();
});

test("a missing program is said loudly", () => {
  delete process.env.CI;
  expect(requires("no-such-program", "apt-get install no-such-program")).toBe(false);
  expect(console.warn).toHaveBeenCalledWith(
    "NOT TESTED with the real no-such-program: no-such-program is not on the PATH: install it by `apt-get install no-such-program`",
  );
});

test("under CI=true a missing program fails the test file", () => {
  process.env.CI = "true";
  expect(() => requires("no-such-program", "apt-get install no-such-program")).toThrow(
    "no-such-program is not on the PATH: install it by `apt-get install no-such-program` (CI=true leaves no test out)",
  );
});

import { isDeepStrictEqual } from "node:util";
import { parseRoutes, renderRoutes, routeDrop, type Routes } from "../../core/routes";
import { thrownBy } from "../support/thrown";

const jessie = { service: "test-jessie", key: "test-jessie.zip", project: "images-test-jessie" };
const worker = { service: "worker", key: "team a/w\u00f6rker.zip", project: "images-worker" };
const routes: Routes = { pipeline: "images", bucket: "drop-images", routes: [worker, jessie] };
const text = `{"pipeline":"images","bucket":"drop-images","routes":[
  {"service":"test-jessie","key":"test-jessie.zip","project":"images-test-jessie"},
  {"service":"worker","key":"team a/w\u00f6rker.zip","project":"images-worker"}
]}
`;

test("routes are written sorted by service, one a line", () => {
  expect(renderRoutes(routes)).toBe(text);
});

test("the order of services changes no byte, nor does what is not part of a route", () => {
  const noisy = { project: jessie.project, key: jessie.key, service: jessie.service, comment: "x" };
  expect(renderRoutes({ ...routes, routes: [noisy, worker] })).toBe(text);
});

test("a pipeline without services is written and read", () => {
  const empty = renderRoutes({ ...routes, routes: [] });
  expect(JSON.parse(empty)).toStrictEqual({ pipeline: "images", bucket: "drop-images", routes: [] });
  expect(parseRoutes(empty).byKey.size).toBe(0);
});

test("what was written is read", () => {
  const table = parseRoutes(text);
  expect(table.pipeline).toBe("images");
  expect(table.bucket).toBe("drop-images");
  expect([...table.byKey.values()]).toStrictEqual([jessie, worker]);
});

test.each([jessie, worker])("a drop goes to the owner of its key: $key", (route) => {
  expect(routeDrop(parseRoutes(text), { bucket: "drop-images", key: route.key })).toStrictEqual({ route });
});

test.each(["test-jessie.zip ", "Test-jessie.zip", "x/test-jessie.zip", "test-jessie", "__proto__", "constructor"])(
  "key %j has no owner",
  (key) => {
    expect(routeDrop(parseRoutes(text), { bucket: "drop-images", key })).toStrictEqual({
      reason: `no service of pipeline images owns the key ${JSON.stringify(key)}`,
    });
  },
);

describe("patterns", () => {
  const exact = { service: "exact", key: "team/{x}.zip", project: "images-exact" };
  const pattern = { service: "pattern", key: "builds/{anything}.zip", project: "images-pattern" };
  const written = renderRoutes({ ...routes, routes: [pattern, exact, jessie] });

  test("are written as they are configured", () => {
    expect(written).toContain('{"service":"pattern","key":"builds/{anything}.zip","project":"images-pattern"}');
  });

  test.each([
    ["builds/2024/x.zip", pattern],
    ["builds/{anything}.zip", pattern],
    ["team/{x}.zip", exact],
    ["test-jessie.zip", jessie],
  ])("%s goes to its owner", (key, route) => {
    expect(routeDrop(parseRoutes(written), { bucket: "drop-images", key })).toStrictEqual({ route });
  });

  test.each(["builds/.zip", "Builds/x.zip", "builds/x.zip.tmp", "team/y.zip"])("%s has no owner", (key) => {
    expect(routeDrop(parseRoutes(written), { bucket: "drop-images", key })).toStrictEqual({
      reason: `no service of pipeline images owns the key "${key}"`,
    });
  });

  test("an exact key goes before a pattern", () => {
    const both = parseRoutes(renderRoutes({ ...routes, routes: [pattern, { ...jessie, key: "builds/x.zip" }] }));
    const owner = (key: string) => routeDrop(both, { bucket: "drop-images", key }).route?.service;
    expect([owner("builds/x.zip"), owner("builds/y.zip")]).toEqual(["test-jessie", "pattern"]);
  });
});

test("another bucket's drop has no owner, whatever its key", () => {
  expect(routeDrop(parseRoutes(text), { bucket: "drop-images-2", key: "test-jessie.zip" })).toStrictEqual({
    reason: "pipeline images takes drops from bucket drop-images, not from drop-images-2",
  });
});

test.each([
  ["{", "not JSON"],
  ["[]", "the file must be an object, got: []"],
  ['{"pipeline":"p","bucket":"b"}', "routes must be a list, got: nothing"],
  ['{"bucket":"b","routes":[]}', "pipeline must be a non-empty string, got: nothing"],
  ['{"pipeline":"p","bucket":"","routes":[]}', 'bucket must be a non-empty string, got: ""'],
  ['{"pipeline":"p","bucket":"b","routes":["x"]}', 'routes[0] must be an object, got: "x"'],
  [
    '{"pipeline":"p","bucket":"b","routes":[{"service":"s"}]}',
    "routes[0].key must be a non-empty string, got: nothing",
  ],
  [
    '{"pipeline":"p","bucket":"b","routes":[{"service":"s","key":"k","project":5}]}',
    "routes[0].project must be a non-empty string, got: 5",
  ],
])("refuses to read %s", (broken, problem) => {
  expect(thrownBy(() => parseRoutes(broken))).toMatchObject({
    name: "InvalidRoutesError",
    message: `routes.json: ${problem}; synthesise and apply the stack again, routes.json is written by it`,
  });
});

test("two services with one key are refused, by name, when written and when read", () => {
  const both = { ...routes, routes: [jessie, { ...worker, key: jessie.key }] };
  const problem = 'services test-jessie and worker both own the key "test-jessie.zip"';
  expect(() => renderRoutes(both)).toThrow(problem);
  expect(() => parseRoutes(JSON.stringify(both))).toThrow(problem);
});

test("each drop finds its own owner among 100,000 services", () => {
  const many = Array.from({ length: 100_000 }, (_, n) => ({ service: `s${n}`, key: `s${n}.zip`, project: `p${n}` }));
  const table = parseRoutes(renderRoutes({ ...routes, routes: many }));
  const lost = many.filter(
    (route) => !isDeepStrictEqual(routeDrop(table, { bucket: "drop-images", key: route.key }), { route }),
  );
  expect(lost).toEqual([]);
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import fc from "fast-check";
import { ConfigError } from "../../config/errors";
import { jsonSchema } from "../../config/json-schema";
import { names } from "../../config/names";
import { parsePipeline } from "../../config/parse";
import type { PipelineConfig } from "../../config/schema";
import { isDirect } from "../../config/trigger";
import { loadProblems, pipeline } from "./make";

/** As AWS documents them, written down apart from the product's own rules. */
const AWS_RULES = {
  bucket:
    /^(?!xn--|sthree-|amzn-s3-demo-)(?!.*(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$)(?!.*\.\.)(?!(?:\d+\.){3}\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  function: /^[A-Za-z0-9-_]{1,64}$/,
  role: /^[\w+=,.@-]{1,64}$/,
  queue: /^[A-Za-z0-9-_]{1,80}$/,
  project: /^[A-Za-z0-9][A-Za-z0-9\-_]{1,149}$/,
  repository: /^(?=.{2,256}$)(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/,
  rule: /^[.\-_A-Za-z0-9]{1,64}$/,
  topic: /^[A-Za-z0-9_-]{1,256}$/,
  trail: /^(?!.*[._-]{2})[A-Za-z0-9][A-Za-z0-9._-]{1,126}[A-Za-z0-9]$/,
  logGroup: /^[.\-_/#A-Za-z0-9]{1,512}$/,
};

/** Mostly accepted; else odd separators, and lengths around the bounds. */
const segment = fc.string({ unit: fc.constantFrom("a", "z", "0", "9"), minLength: 1, maxLength: 9 });
const segments = fc.array(segment, { minLength: 1, maxLength: 3 });
const word = fc.oneof(
  { weight: 8, arbitrary: segments.map((parts) => parts.join("-")) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(segments, fc.constantFrom("_", ".", "/", "--", ""))
      .map(([parts, separator]) => parts.join(separator)),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(2, 29, 34, 50, 63, 143, 250, 256)
      .chain((length) => fc.integer({ min: length - 1, max: length + 1 }))
      .map((length) => "a".repeat(length)),
  },
);
const input = fc.record({
  name: fc.oneof(
    { weight: 8, arbitrary: word.map((text) => `p${text}`) },
    { weight: 1, arbitrary: fc.constantFrom("sthree", "xn", "amzn-s3-demo") },
  ),
  region: fc.constantFrom("us-east-1", "ap-northeast-1", "cn-northwest-1", "us-gov-east-1"),
  bucket: fc.oneof(
    word.map((text) => `b-${text}`),
    word.map((text) => ({ existing: `b-${text}` })),
  ),
  roles: fc.constantFrom("own", "shared"),
  trigger: fc.constantFrom("queue", "topic", "cloudtrail", { eventbridge: { direct: true } }),
  repositories: fc.record({
    prefix: fc.oneof(
      fc.constant(""),
      word.map((text) => `${text}/`),
    ),
  }),
  services: fc.array(fc.oneof(word, fc.record({ name: word, repository: word })), { minLength: 1, maxLength: 3 }),
});

function parse(value: unknown): PipelineConfig | undefined {
  try {
    return parsePipeline(pipeline(value as Record<string, unknown>));
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

const seeded = { seed: 20250107 };

test("an accepted configuration gives AWS only names that it takes, and no name to two things of one kind", () => {
  let accepted = 0;
  fc.assert(
    fc.property(input, (value) => {
      const config = parse(value);
      if (!config) return;
      accepted++;
      const derived = names(config.name);
      const services = config.services.map(({ name }) => name);
      const roles = [
        derived.startBuildRole,
        ...(config.roles.builds === "own" ? services.map(derived.buildRole) : [derived.sharedBuildRole]),
      ];
      const projects = services.map(derived.buildProject);
      const repositories = config.services.map(({ repository }) => repository);
      const buckets = [
        config.bucket.name,
        derived.toolsBucket("123456789012", config.region),
        derived.trailBucket("123456789012", config.region),
      ];
      const rules = isDirect(config.trigger) ? services.map(derived.serviceRule) : [derived.rule];
      const given: Record<keyof typeof AWS_RULES, readonly string[]> = {
        bucket: buckets,
        function: [derived.function],
        role: roles,
        queue: [derived.queue, derived.deadLetterQueue],
        project: projects,
        repository: repositories,
        rule: rules,
        topic: [derived.topic],
        trail: [derived.trail],
        logGroup: [derived.buildLogGroup, derived.functionLogGroup],
      };
      const kinds = Object.entries(given) as [keyof typeof AWS_RULES, readonly string[]][];
      // One comparison for each configuration: expect() is slower than all else here.
      expect({
        refused: kinds.flatMap(([kind, all]) => all.filter((name) => !AWS_RULES[kind].test(name))),
        twice: kinds.filter(([, all]) => new Set(all).size < all.length),
      }).toStrictEqual({ refused: [], twice: [] });
    }),
    { ...seeded, numRuns: 1000 },
  );
  expect(accepted).toBeGreaterThan(200);
});

test("an editor never marks what the loader accepts", () => {
  const accepts = new Ajv().compile(jsonSchema());
  fc.assert(
    fc.property(input, (value) => {
      const written = pipeline(value);
      if (parse(value)) expect(accepts(written)).toBe(true);
    }),
    { ...seeded, numRuns: 500 },
  );
});

test("whatever is done to a file, the loader takes it or lists problems with their places", () => {
  const sample = readFileSync(join(__dirname, "..", "..", "pipeline.yaml"), "utf8");
  const edit = fc.record({
    at: fc.nat(sample.length),
    length: fc.nat(12),
    text: fc.oneof(
      fc.constantFrom(
        "",
        ":",
        "- ",
        "\n",
        "\n  ",
        "\t",
        "---\n",
        "&a ",
        "*a",
        "<<: *a\n",
        "!x ",
        "[",
        "{",
        "'",
        '"',
        "null",
        "0123",
        "__proto__: ",
        "? ",
        "# ",
        "|\n",
      ),
      fc.string({ maxLength: 5 }),
    ),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      const text = edits.reduce(
        (before, { at, length, text: inserted }) => before.slice(0, at) + inserted + before.slice(at + length),
        sample,
      );
      for (const problem of loadProblems(text)) expect(problem).toMatch(/^pipeline\.yaml(:\d+:\d+( \S[^]*)?)?: \S/);
    }),
    { ...seeded, numRuns: 300 },
  );
});

test("whatever is passed for a pipeline is parsed or refused by ConfigError", () => {
  fc.assert(
    fc.property(
      fc.anything({ withDate: true, withMap: true, withBigInt: true, withNullPrototype: true }),
      fc.constantFrom("bucket", "services", "backend", "tags", "defaults"),
      (value, option) => {
        parse({ [option]: value });
      },
    ),
    { ...seeded, numRuns: 500 },
  );
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Accepted } from "../../local/scanners/accepted";
import type { Finding } from "../../local/scanners/finding";
import { ensureGo } from "../../local/scanners/go";
import { nativeSyntax } from "../../local/scanners/native-syntax";
import { reconcile } from "../../local/scanners/reconcile";
import { checkovBaseline, renderScan, renderSum } from "../../local/scanners/report";
import { ensureTfsec } from "../../local/scanners/tfsec";

function finding(check: string, resource: string, passed = false): Finding {
  return { check, title: `Ensure ${check}`, resource, passed };
}

function accepted(check: string, resource: string, reason = "so it is"): Accepted {
  return { check, resource, path: `pipeline/${resource}`, reason };
}

describe("reconcile", () => {
  test("takes an exception for its check on its resource, and for no other", () => {
    const findings = [
      finding("CKV_1", "a"),
      finding("CKV_1", "b"),
      finding("CKV_2", "a"),
      finding("CKV_3", "a", true),
      finding("CKV_3", "b", true),
    ];
    const exception = accepted("CKV_1", "a");
    expect(reconcile(findings, [exception])).toStrictEqual({
      passed: 2,
      failed: [finding("CKV_1", "b"), finding("CKV_2", "a")],
      exceptions: [exception],
      stale: [],
    });
  });

  test("an exception is stale where the check is passed, and where it is not made", () => {
    const [passed, gone] = [accepted("CKV_1", "a"), accepted("CKV_2", "a")];
    expect(reconcile([finding("CKV_1", "a", true)], [passed, gone])).toStrictEqual({
      passed: 1,
      failed: [],
      exceptions: [],
      stale: [passed, gone],
    });
  });
});

describe("the report", () => {
  const scan = {
    name: "images",
    passed: 7,
    failed: [finding("CKV_9", "aws_sqs_queue.drops")],
    exceptions: [
      accepted("CKV_1", "a"),
      accepted("tf-1", "a"),
      accepted("CKV_1", "b"),
      accepted("CKV_2", "a", "other"),
    ],
    stale: [accepted("CKV_3", "c")],
  };

  test("tells what fails, what is stale, and each exception with its reason", () => {
    expect(renderScan(scan).split("\n")).toStrictEqual([
      "images: 7 passed, 1 failed, 4 exceptions",
      "  FAILED CKV_9 aws_sqs_queue.drops: Ensure CKV_9",
      "  STALE  CKV_3 c: is accepted, and not found",
      "  CKV_1, tf-1: so it is",
      "    pipeline/a",
      "    pipeline/b",
      "  CKV_2: other",
      "    pipeline/a",
      "",
    ]);
  });

  test("sums up, with what is stale among the failures", () => {
    expect(renderSum([scan, { ...scan, failed: [], stale: [] }])).toBe("14 passed, 2 failed, 8 exceptions");
  });

  test("as checkov's baseline holds checkov's checks by resource", () => {
    expect(JSON.parse(checkovBaseline(scan.exceptions))).toStrictEqual({
      failed_checks: [
        {
          file: "plan.json",
          findings: [
            { resource: "a", check_ids: ["CKV_1", "CKV_2"] },
            { resource: "b", check_ids: ["CKV_1"] },
          ],
        },
      ],
    });
  });
});

test("native syntax says what the JSON says: nested blocks, lists, maps, and expressions as they are", () => {
  const stack = {
    terraform: { backend: { local: {} } },
    data: { aws_region: { here: {} } },
    resource: {
      aws_thing: {
        "drops-1": {
          "//": { metadata: {} },
          depends_on: ["aws_other.x"],
          lifecycle: { prevent_destroy: true },
          bucket: '${aws_s3_bucket.b.id}/a"b"',
          policy: '{"Resource":"${jsonencode({"a" = "c"}).x}","Literal":"$${aws:x}"}',
          count_of: 3,
          nothing: null,
          names: ["a", "${local.b}"],
          none: [],
          versioning: { enabled: true },
          rule: [{ id: "one", "//": "a comment" }, { filter: [{ prefix: "" }] }],
          odd: { "a:b": "c" },
          tags: { team: "x" },
        },
      },
    },
  };
  expect(nativeSyntax(stack).split("\n")).toStrictEqual([
    'resource "aws_thing" "drops-1" {',
    String.raw`  bucket = "${"$"}{aws_s3_bucket.b.id}/a\"b\""`,
    String.raw`  policy = "{\"Resource\":\"${"$"}{jsonencode({"a" = "c"}).x}\",\"Literal\":\"$${"$"}{aws:x}\"}"`,
    "  count_of = 3",
    '  names = ["a", "${local.b}"]',
    "  none = []",
    "  versioning {",
    "    enabled = true",
    "  }",
    "  rule {",
    '    id = "one"',
    "  }",
    "  rule {",
    "    filter {",
    '      prefix = ""',
    "    }",
    "  }",
    '  odd = { "a:b" = "c" }',
    '  tags = { "team" = "x" }',
    "}",
    "",
    'data "aws_region" "here" {',
    "}",
    "",
  ]);
});

describe("Go, to build tfsec with", () => {
  let folder: string;
  const [python, onProgress] = ["/nowhere/python3", () => undefined];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tfsec-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** A `go` that says its version, and does nothing else. */
  const installGo = (version: string): string => {
    const go = join(folder, "go");
    writeFileSync(go, `#!/bin/sh\n[ "$1" = env ] && echo ${version}\n`, { mode: 0o755 });
    return go;
  };

  test.each(["go1.21.0", "go1.26.8"])("is the machine's if it is new enough: %s", async (version) => {
    const go = installGo(version);
    expect(await ensureGo(folder, { go, python })).toBe(go);
  });

  test.each(["go1.19.8", "go1.4", "devel", undefined])("is otherwise a Python package's: %s", async (version) => {
    const go = version === undefined ? "/nowhere/go" : installGo(version);
    await expect(ensureGo(folder, { go, python })).rejects.toThrow(
      "`/nowhere/python3` was not found or does not run; Go, which builds the scanner tfsec, needs Python 3.7 or newer as `python3`. ",
    );
  });

  test("that fails is a failure that tells what it said", async () => {
    const go = installGo("go1.26.8");
    await expect(ensureTfsec(folder, { go, onProgress })).rejects.toThrow(
      /^tfsec could not be built: expected `go install github\.com\/aquasecurity\/tfsec\/cmd\/tfsec@v1\.28\.14` to succeed, found: .+ It needs a Go module proxy in reach \(GOPROXY\)$/s,
    );
  });
});

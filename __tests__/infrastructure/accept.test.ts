import { readFileSync } from "node:fs";
import { join } from "node:path";
import { S3Bucket } from "@cdktf/provider-aws/lib/s3-bucket";
import { App, TerraformStack } from "cdktf";
import { accept, CHECKS } from "../../infrastructure/accept";
import { acceptedIn } from "../../local/scanners/accepted";
import { exceptionsOfForms, replaceExceptions } from "../../release/exceptions-table";

const PAGE = join(__dirname, "../../docs/security.md");

const forms = exceptionsOfForms();

function stackOfTwoBuckets() {
  const stack = new TerraformStack(new App({ stackTraces: false }), "estate");
  return { stack, one: new S3Bucket(stack, "one"), other: new S3Bucket(stack, "other") };
}

test("an exception is for one check on one resource, and a comment in the JSON", () => {
  const { stack, one } = stackOfTwoBuckets();
  accept(one, "CKV_AWS_18", "nobody reads them");
  stack.prepareStack();
  const json = stack.toTerraform() as { resource: unknown };
  expect(json.resource).toStrictEqual({
    aws_s3_bucket: {
      one: {
        "//": {
          accepted: { CKV_AWS_18: "nobody reads them" },
          metadata: { path: "estate/one", uniqueId: "one" },
        },
      },
      other: { "//": { metadata: { path: "estate/other", uniqueId: "other" } } },
    },
  });
  expect(acceptedIn(json)).toStrictEqual([
    { check: "CKV_AWS_18", resource: "aws_s3_bucket.one", path: "one", reason: "nobody reads them" },
  ]);
});

test("several exceptions of a resource stand side by side", () => {
  const { stack, one, other } = stackOfTwoBuckets();
  accept(one, "CKV_AWS_18", "a");
  accept(one, "CKV_AWS_144", "b");
  accept(other, "aws-s3-enable-bucket-logging", "c");
  stack.prepareStack();
  expect(acceptedIn(stack.toTerraform() as object).map(({ check, resource }) => `${check} ${resource}`)).toStrictEqual([
    "CKV_AWS_18 aws_s3_bucket.one",
    "CKV_AWS_144 aws_s3_bucket.one",
    "aws-s3-enable-bucket-logging aws_s3_bucket.other",
  ]);
});

test("every check that can be accepted is one that some pipeline does not pass", () => {
  expect([...new Set(forms.map(({ check }) => check))].toSorted()).toStrictEqual(Object.keys(CHECKS).toSorted());
});

test("the table of exceptions in the documentation is current (npm run exceptions)", () => {
  const page = readFileSync(PAGE, "utf8");
  const unaligned = (text: string) => text.replace(/ +/g, " ").replace(/-{3,}/g, "---");
  expect(unaligned(replaceExceptions(page, forms))).toBe(unaligned(page));
});

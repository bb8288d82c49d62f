import { howToDestroy } from "../../local/what-is-left";

const APPLIED = {
  profile: "sandbox",
  region: "eu-west-1",
  bucket: "acceptance-0123abcd-drops",
  repository: "acceptance-0123abcd/sample",
  directory: "/tmp/acceptance-0123abcd-Xy12/cdktf.out/stacks/acceptance-0123abcd",
};

test("what is left is emptied and destroyed in another shell, as the same account and in the same region", () => {
  expect(howToDestroy(APPLIED)).toBe(`To destroy what is left, in a shell; a line that finds nothing to delete may fail:

  export AWS_PROFILE=sandbox AWS_REGION=eu-west-1
  aws s3api delete-objects --bucket acceptance-0123abcd-drops --delete "$(aws s3api list-object-versions --bucket acceptance-0123abcd-drops --output json --query '{Objects: [Versions, DeleteMarkers][].{Key: Key, VersionId: VersionId}}')"
  aws ecr delete-repository --repository-name acceptance-0123abcd/sample --force
  cd /tmp/acceptance-0123abcd-Xy12/cdktf.out/stacks/acceptance-0123abcd && AWS_PROFILE=sandbox AWS_REGION=eu-west-1 terraform destroy
`);
});

test("a profile and a folder with spaces are one word each", () => {
  const text = howToDestroy({ ...APPLIED, profile: "it's mine", directory: "/tmp/a b" });
  expect(text).toContain("export AWS_PROFILE='it'\\''s mine' AWS_REGION=eu-west-1\n");
  expect(text).toContain("cd '/tmp/a b' && AWS_PROFILE='it'\\''s mine' AWS_REGION=eu-west-1 terraform destroy\n");
});

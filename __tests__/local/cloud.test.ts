import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { namedServer } from "../../local/cloud";
import { tokenVariable } from "../../local/cloud-workspace";

const SERVER = { TFC_HOSTNAME: "tfe.example.com", TFC_TOKEN: "secret", TFC_ORGANIZATION: "acme" };

test("without a server nothing is run, and that is said", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--require", "tsx/cjs", "local/cloud.ts"], {
    cwd: join(__dirname, "../.."),
    env: { PATH: process.env.PATH },
    encoding: "utf8",
  });
  expect({ status, stdout, stderr }).toStrictEqual({
    status: 0,
    stdout: "",
    stderr:
      "NOT TESTED with remote runs: no server is named. Set TFC_HOSTNAME, TFC_TOKEN and TFC_ORGANIZATION to test with HCP Terraform or a server like it.\n",
  });
});

test("a server is named by all three variables", () => {
  expect(namedServer(SERVER)).toStrictEqual({ hostname: "tfe.example.com", token: "secret", organization: "acme" });
  expect(namedServer({ ...SERVER, TFC_HOSTNAME: "", TFC_TOKEN: "", TFC_ORGANIZATION: "" })).toBeUndefined();
  expect(() => namedServer({ ...SERVER, TFC_TOKEN: "" })).toThrow(
    "TFC_HOSTNAME, TFC_TOKEN and TFC_ORGANIZATION must all be set: only some of them are",
  );
});

test.each([
  ["app.terraform.io", "TF_TOKEN_app_terraform_io"],
  ["tfe-1.example.com:8443", "TF_TOKEN_tfe__1_example_com:8443"],
])("Terraform finds its token for %s in %s", (hostname, name) => {
  expect(tokenVariable(hostname)).toBe(name);
});

import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { namedServer } from "../../local/cloud";
import { tokenVariable } from "../../local/cloud-workspace";
import { createAuthority } from "../../local/registry/authority";

const PROJECT = join(__dirname, "../..");
const SERVER = { TFC_HOSTNAME: "tfe.example.com", TFC_TOKEN: "secret", TFC_ORGANIZATION: "acme" };

test("without a server nothing is run, and that is said", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--require", "tsx/cjs", "local/cloud.ts"], {
    cwd: PROJECT,
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

/** What makes, fills and deletes a workspace, as a program of its own: a process learns of authorities when it starts. */
const LIFE = `
const { CloudWorkspace } = require("./local/cloud-workspace");
const server = { hostname: process.argv[1], token: "secret", organization: "acme" };
(async () => {
  const workspace = await CloudWorkspace.create(server, "cloud-0123abcd");
  await workspace.setVariables({ AWS_REGION: "eu-west-1" });
  await workspace.delete();
  await CloudWorkspace.create({ ...server, organization: "nobody" }, "cloud-0123abcd");
})().catch((error) => process.stdout.write(error.name + ": " + error.message));
`;

test("a workspace is made for remote runs, gets its variables and is deleted, by one token; a refusal is told", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cloud-"));
  const authority = await createAuthority("a server's authority");
  await writeFile(join(folder, "authority.pem"), authority.certificate);
  const calls: object[] = [];
  const server = createServer({
    SNICallback: (host, done) => {
      void authority.contextFor(host).then((context) => {
        done(null, context);
      });
    },
  });
  server.on("request", (request, response) => {
    const { method, url = "", headers } = request;
    void text(request).then((body) => {
      calls.push({
        call: `${method} ${url}`,
        token: headers.authorization,
        body: body && (JSON.parse(body) as object),
      });
      if (url.includes("nobody")) response.writeHead(404).end('{"errors":[{"title":"not found"}]}');
      else if (method === "DELETE") response.writeHead(204).end();
      else response.writeHead(201).end('{"data":{"id":"ws-1"}}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const hostname = `localhost:${(server.address() as AddressInfo).port}`;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ["--require", "tsx/cjs", "--eval", LIFE, hostname], {
      cwd: PROJECT,
      env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: join(folder, "authority.pem") },
    });
    const token = "Bearer secret";
    const workspace = { name: "cloud-0123abcd", "execution-mode": "remote", "auto-apply": false };
    const variable = { key: "AWS_REGION", value: "eu-west-1", category: "env", hcl: false, sensitive: false };
    const made = { data: { type: "workspaces", attributes: workspace } };
    expect(calls).toStrictEqual([
      { call: "POST /api/v2/organizations/acme/workspaces", token, body: made },
      { call: "POST /api/v2/workspaces/ws-1/vars", token, body: { data: { type: "vars", attributes: variable } } },
      { call: "DELETE /api/v2/workspaces/ws-1", token, body: "" },
      { call: "POST /api/v2/organizations/nobody/workspaces", token, body: made },
    ]);
    expect(stdout).toBe(
      `CloudApiError: POST https://${hostname}/api/v2/organizations/nobody/workspaces was refused: found status 404 ({"errors":[{"title":"not found"}]}), expected success; check TFC_TOKEN and TFC_ORGANIZATION`,
    );
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
});

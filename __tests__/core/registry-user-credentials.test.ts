import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RegistryDeniedError } from "../../core/registry/errors";
import { MEDIA_TYPES } from "../../core/registry/manifest";
import { Repository } from "../../core/registry/repository";
import { UserCredentials, type User } from "../../core/registry/user-credentials";
import { startPlainRegistry, type PlainRegistry } from "../support/plain-registry";
import { answer } from "../support/registry-faults";

const NAME = "team/web";
const USER: User = { name: "user", password: "word" };
const BASIC = "Basic dXNlcjp3b3Jk";
const OWN = `repository:${NAME}:pull,push`;
const MANIFEST = { mediaType: MEDIA_TYPES.ociManifest, bytes: Buffer.from('{"schemaVersion":2}') };

let directory: string;
let registry: PlainRegistry;
let server: Server;
let realm: string;
/** What the authorization server was asked for: its query, and as whom. */
let asked: { readonly scopes: string[]; readonly service: string | null; readonly as: string | undefined }[];
/** What it answers; the token that it gives is `tN` by default. */
let give: (response: ServerResponse) => void;
/** What the registry was shown. */
let shown: (string | undefined)[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "tokens-"));
  registry = await startPlainRegistry(directory);
  [asked, shown] = [[], []];
  give = (response) => response.end(JSON.stringify({ token: `t${asked.length}` }));
  server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const { searchParams } = new URL(request.url ?? "/", "http://server");
    const as = request.headers.authorization;
    asked.push({ scopes: searchParams.getAll("scope"), service: searchParams.get("service"), as });
    give(response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
});
afterEach(async () => {
  await registry.close();
  server.close();
  server.closeAllConnections();
  rmSync(directory, { recursive: true });
});

function connect(user?: User): Repository {
  const credentials = new UserCredentials(registry.url, NAME, user);
  return new Repository({
    registry: registry.url,
    name: NAME,
    credentials,
    retry: { attempts: 3, baseDelay: 1, maxDelay: 5 },
  });
}

/** Has the registry ask by this challenge, until it is shown what `accepts` takes. */
function ask(challenge: string, accepts: (authorization: string | undefined) => boolean): void {
  registry.intercept = ({ headers: { authorization } }, response) => {
    shown.push(authorization);
    if (accepts(authorization)) return false;
    return answer(response, 401, "UNAUTHORIZED", "authentication required", { "www-authenticate": challenge });
  };
}

const bearer = (scope = `repository:${NAME}:pull`): string =>
  `Bearer realm="${realm}",service="registry.example",scope="${scope}"`;

test("a registry that takes a password gets it with the first request", async () => {
  ask('Basic realm="registry"', (authorization) => authorization === BASIC);
  await connect(USER).putManifest("0123abc", MANIFEST);
  expect(shown).toEqual([BASIC]);
});

test.each([
  ["a user", USER, BASIC],
  ["nobody", undefined, undefined],
])("a registry that asks for a token gets one, for reading and writing at once: as %s", async (_, user, as) => {
  ask(bearer(), (authorization) => authorization === "Bearer t1");
  const repository = connect(user);
  expect(await repository.manifest("0123abc")).toBeUndefined();
  await repository.putManifest("0123abc", MANIFEST);
  expect(asked).toEqual([{ scopes: [OWN, `repository:${NAME}:pull`], service: "registry.example", as }]);
  expect(shown).toEqual([as, "Bearer t1", "Bearer t1"]);
});

test("a token by its other name", async () => {
  give = (response) => response.end(JSON.stringify({ access_token: "other" }));
  ask(bearer(), (authorization) => authorization === "Bearer other");
  expect(await connect(USER).manifest("0123abc")).toBeUndefined();
});

test("several requests at once ask for one token", async () => {
  ask(bearer(), (authorization) => authorization === "Bearer t1");
  const repository = connect(USER);
  await Promise.all(["a", "b", "c"].map((tag) => repository.manifest(tag)));
  expect(asked).toHaveLength(1);
});

test("a token that ran out is followed by another", async () => {
  ask(bearer(), (authorization) => authorization === "Bearer t1");
  const repository = connect(USER);
  await repository.manifest("0123abc");
  ask(bearer(), (authorization) => authorization === "Bearer t2");
  await repository.manifest("0123abc");
  expect(shown.slice(2)).toEqual(["Bearer t1", "Bearer t2"]);
});

test("where another repository is asked for too, the token is for both from then on", async () => {
  ask(bearer(), (authorization) => authorization === "Bearer t1");
  const repository = connect(USER);
  await repository.manifest("0123abc");
  const other = "repository:team/base:pull";
  ask(bearer(`${OWN} ${other}`), (authorization) => authorization === "Bearer t2");
  await repository.manifest("0123abc");
  expect(asked[1]?.scopes).toEqual([OWN, `repository:${NAME}:pull`, other]);
});

test("where another repository is refused, later tokens are not for that one", async () => {
  ask(bearer(), (authorization) => authorization === "Bearer t1");
  const repository = connect(USER);
  await repository.manifest("0123abc");
  const usual = give;
  give = (response) => void answer(response, 403, "DENIED", "not yours");
  ask(bearer("repository:team/base:pull"), () => false);
  await expect(repository.manifest("0123abc")).rejects.toThrow("DENIED");
  give = usual;
  ask(bearer(), (authorization) => authorization === "Bearer t3");
  expect(await repository.manifest("0123abc")).toBeUndefined();
  expect(asked.at(-1)?.scopes).toEqual([OWN, `repository:${NAME}:pull`]);
});

test("the password is shown to no server that is named in an unsafe way", async () => {
  const credentials = new UserCredentials(new URL("https://registry.example"), NAME, USER);
  for (const challenge of [bearer(), 'Bearer realm="nowhere"', 'Bearer service="x"', 'Basic realm="x"', undefined]) {
    credentials.renew(BASIC, challenge);
    expect(await credentials.authorization()).toBe(BASIC);
  }
  expect(asked).toEqual([]);
});

test("a token that is refused again ends it", async () => {
  ask(bearer(), () => false);
  await expect(connect(USER).manifest("0123abc")).rejects.toBeInstanceOf(RegistryDeniedError);
  expect(shown).toEqual([BASIC, "Bearer t1"]);
});

describe("no token", () => {
  const asking = (): string => `asking ${realm} for a token for ${registry.url.host}: found `;

  test("for a wrong password", async () => {
    give = (response) => void answer(response, 401, "UNAUTHORIZED", "incorrect username or password");
    ask(bearer(), () => false);
    await expect(connect(USER).manifest("0123abc")).rejects.toThrow(
      `${asking()}HTTP 401 UNAUTHORIZED: incorrect username or password from ${new URL(realm).host}, ` +
        `expected one for ${OWN} and repository:${NAME}:pull; ` +
        "check REGISTRY_USERNAME and REGISTRY_PASSWORD, and what the registry lets that user do",
    );
    expect(asked).toHaveLength(1);
  });

  test.each(["", "{}", '{"token":7}'])("in the answer %s", async (body) => {
    give = (response) => response.end(body);
    ask(bearer(), () => false);
    await expect(connect(USER).manifest("0123abc")).rejects.toThrow(`${asking()}an answer without one, expected one; `);
  });

  test.each([
    ["is busy", (response: ServerResponse) => void response.writeHead(503).end()],
    ["breaks off", (response: ServerResponse) => void response.destroy()],
  ])("from a server that %s: it is asked again", async (_, fail) => {
    give = (response) => {
      if (asked.length < 3) fail(response);
      else response.end('{"token":"late"}');
    };
    ask(bearer(), (authorization) => authorization === "Bearer late");
    expect(await connect(USER).manifest("0123abc")).toBeUndefined();
    expect(asked).toHaveLength(3);
  });
});

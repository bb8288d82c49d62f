import { mkdir, mkdtemp, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findMirror, mirrorRoots } from "../../local/terraform/mirrors";
import { OPENTOFU_REGISTRY, openTofuMirror } from "../../local/terraform/opentofu";
import { findProviders, type Machine } from "../../local/terraform/providers";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "providers-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A machine with an empty home and one root for mirrors, off the network. */
function machine(overrides: Partial<Machine> = {}): Machine {
  return {
    environment: {},
    home: join(folder, "home"),
    platform: "linux_amd64",
    mirrorRoots: [join(folder, "opt")],
    registryAnswers: () => Promise.resolve(false),
    ...overrides,
  };
}

const connected = { registryAnswers: () => Promise.resolve(true) };

/** A provider as Terraform's mirrors hold it, unpacked. */
async function unpacked(mirror: string, provider: string, version: string, platform = "linux_amd64"): Promise<void> {
  await mkdir(join(folder, mirror, "registry.terraform.io", provider, version, platform), { recursive: true });
}

async function packed(mirror: string, provider: string, file: string): Promise<void> {
  await put(join(mirror, "registry.terraform.io", provider, file), "");
}

async function put(path: string, content: string): Promise<string> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

describe("a machine that reaches the registry", () => {
  test("needs nothing special, and a cache pays", async () => {
    await unpacked("opt/mirror", "hashicorp/aws", "5.100.0");
    expect(await findProviders(machine(connected))).toEqual({
      descriptions: { "hashicorp/aws": "registry.terraform.io", "hashicorp/archive": "registry.terraform.io" },
      archiveStandIn: false,
      wantsCache: true,
    });
  });

  test.each<[string, NodeJS.ProcessEnv, string]>([
    ["in the environment", { TF_PLUGIN_CACHE_DIR: "/cache" }, ""],
    ["in ~/.terraformrc", {}, 'plugin_cache_dir = "/cache"\n'],
  ])("the user's own cache %s is used", async (_, environment, config) => {
    await put("home/.terraformrc", config);
    expect((await findProviders(machine({ ...connected, environment }))).wantsCache).toBe(false);
  });
});

describe("a machine that does not", () => {
  test("takes AWS from a mirror on the disk and archive from the stand-in", async () => {
    await unpacked("opt/tools/mirror", "hashicorp/aws", "5.100.0");
    expect(await findProviders(machine())).toEqual({
      descriptions: {
        "hashicorp/aws": `5.100.0 in ${folder}/opt/tools/mirror`,
        "hashicorp/archive": "a stand-in in this process",
      },
      cliConfig: `provider_installation {
  filesystem_mirror {
    path    = "${folder}/opt/tools/mirror"
    include = ["registry.terraform.io/hashicorp/aws"]
  }
  direct {
    exclude = ["registry.terraform.io/hashicorp/aws"]
  }
}
`,
      archiveStandIn: true,
      wantsCache: false,
    });
  });

  test("takes archive from a mirror too where one holds it, be it another one", async () => {
    await unpacked("opt/a", "hashicorp/aws", "5.100.0");
    await packed("opt/b", "hashicorp/archive", "terraform-provider-archive_2.7.1_linux_amd64.zip");
    const sources = await findProviders(machine());
    expect(sources.archiveStandIn).toBe(false);
    expect(sources.descriptions["hashicorp/archive"]).toBe(`2.7.1 in ${folder}/opt/b`);
    expect(sources.cliConfig).toBe(`provider_installation {
  filesystem_mirror {
    path    = "${folder}/opt/a"
    include = ["registry.terraform.io/hashicorp/aws"]
  }
  filesystem_mirror {
    path    = "${folder}/opt/b"
    include = ["registry.terraform.io/hashicorp/archive"]
  }
  direct {
    exclude = ["registry.terraform.io/hashicorp/aws", "registry.terraform.io/hashicorp/archive"]
  }
}
`);
  });

  test("keeps the user's other settings", async () => {
    await unpacked("opt/mirror", "hashicorp/aws", "5.100.0");
    const file = await put("custom.tfrc", 'credentials "app.terraform.io" {\n  token = "secret"\n}\n');
    const { cliConfig } = await findProviders(machine({ environment: { TF_CLI_CONFIG_FILE: file } }));
    expect(cliConfig).toMatch(
      /^credentials "app\.terraform\.io" \{\n {2}token = "secret"\n\}\n\nprovider_installation \{\n/,
    );
  });

  test("says what is missing and how to get it where there is no mirror either", async () => {
    await unpacked("opt/mirror", "hashicorp/aws", "5.100.0", "darwin_arm64");
    await expect(findProviders(machine())).rejects.toThrow(
      `No AWS provider: registry.terraform.io does not answer from here, and no folder below ${folder}/opt holds ` +
        "registry.terraform.io/hashicorp/aws for linux_amd64. Connect to the registry (HTTPS_PROXY is honoured), or run " +
        '"terraform providers mirror ~/.terraform.d/plugins" in a stack\'s folder on a connected machine and copy that folder here.',
    );
  });
});

describe("the user's own provider_installation", () => {
  const asked = jest.fn(() => Promise.resolve(true));
  beforeEach(() => asked.mockClear());

  test.each<[string, string, boolean]>([
    ["direct", "provider_installation {\n  direct {}\n}\n", false],
    ["a network mirror", 'provider_installation {\n  network_mirror { url = "https://mirror.example/" }\n}\n', false],
    ["a developer's build", 'provider_installation {\n  dev_overrides { "hashicorp/archive" = "/src" }\n}\n', false],
    ["JSON", '{\n  "provider_installation": [{ "direct": [{}] }]\n}\n', false],
    ["a mirror without archive", 'provider_installation {\n  filesystem_mirror { path = "/nowhere" }\n}\n', true],
  ])("stays in force: %s", async (_, config, archiveStandIn) => {
    const file = await put("home/.terraformrc", config);
    const sources = await findProviders(machine(connected));
    expect(sources).toEqual({
      descriptions: {
        "hashicorp/aws": `as ${file} says`,
        "hashicorp/archive": archiveStandIn ? "a stand-in in this process" : `as ${file} says`,
      },
      archiveStandIn,
      wantsCache: false,
    });
  });

  test("with a mirror that holds archive, the network is not asked", async () => {
    await unpacked("mine", "hashicorp/archive", "2.7.1");
    await put(
      "home/.terraformrc",
      `provider_installation {\n  filesystem_mirror {\n    path = "${folder}/mine"\n  }\n  direct {}\n}\n`,
    );
    expect((await findProviders(machine({ registryAnswers: asked }))).archiveStandIn).toBe(false);
    expect(asked).not.toHaveBeenCalled();
  });

  test("with direct on a machine that does not reach the registry, archive comes from the stand-in", async () => {
    await put("home/.terraformrc", "provider_installation {\n  direct {}\n}\n");
    expect((await findProviders(machine())).archiveStandIn).toBe(true);
  });

  test("counts in a snippet of ~/.terraform.d, but not beside TF_CLI_CONFIG_FILE", async () => {
    await put("home/.terraform.d/mirror.tfrc", "provider_installation {\n  direct {}\n}\n");
    expect((await findProviders(machine(connected))).descriptions["hashicorp/aws"]).toBe(
      `as ${folder}/home/.terraform.d/mirror.tfrc says`,
    );
    const environment = { TF_CLI_CONFIG_FILE: await put("empty.tfrc", "") };
    expect((await findProviders(machine({ ...connected, environment }))).descriptions["hashicorp/aws"]).toBe(
      "registry.terraform.io",
    );
  });

  test.each([
    ["a file that is not there", "/nowhere/terraform.tfrc"],
    ["an empty value", ""],
  ])("does not exist by %s in TF_CLI_CONFIG_FILE", async (_, file) => {
    const environment = { TF_CLI_CONFIG_FILE: file };
    expect((await findProviders(machine({ ...connected, environment }))).descriptions["hashicorp/aws"]).toBe(
      "registry.terraform.io",
    );
  });

  test("does not count where it is a comment", async () => {
    await put("home/.terraformrc", "# provider_installation {\n// provider_installation {\n");
    expect((await findProviders(machine(connected))).descriptions["hashicorp/aws"]).toBe("registry.terraform.io");
  });
});

describe("mirrors", () => {
  const find = () => findMirror("hashicorp/aws", "linux_amd64", [join(folder, "opt")]);

  test("are found down to two folders below a root, and no deeper", async () => {
    await unpacked("opt/a/b/c", "hashicorp/aws", "5.100.0");
    expect(await find()).toBeUndefined();
    await unpacked("opt/a/b", "hashicorp/aws", "5.100.0");
    expect(await find()).toEqual({ path: join(folder, "opt/a/b"), versions: ["5.100.0"] });
    await unpacked("opt", "hashicorp/aws", "6.0.0");
    expect(await find()).toEqual({ path: join(folder, "opt"), versions: ["6.0.0"] });
  });

  test("list every version for this platform, packed and unpacked, oldest first", async () => {
    await unpacked("opt/m", "hashicorp/aws", "5.100.0");
    await unpacked("opt/m", "hashicorp/aws", "5.99.1");
    await unpacked("opt/m", "hashicorp/aws", "6.8.0", "darwin_arm64");
    await packed("opt/m", "hashicorp/aws", "terraform-provider-aws_6.2.0_linux_amd64.zip");
    await packed("opt/m", "hashicorp/aws", "terraform-provider-aws_6.3.0_windows_amd64.zip");
    await packed("opt/m", "hashicorp/aws", "index.json");
    expect(await find()).toEqual({ path: join(folder, "opt/m"), versions: ["5.99.1", "5.100.0", "6.2.0"] });
  });

  test("of other providers, hidden folders and roots that are not there are passed over", async () => {
    await unpacked("opt/a", "hashicorp/random", "3.0.0");
    await unpacked("opt/.cache", "hashicorp/aws", "5.100.0");
    expect(await find()).toBeUndefined();
    expect(await findMirror("hashicorp/aws", "linux_amd64", [join(folder, "nowhere")])).toBeUndefined();
  });

  test("behind links are found", async () => {
    await unpacked("real", "hashicorp/aws", "5.100.0");
    await mkdir(join(folder, "opt"));
    await symlink(join(folder, "real"), join(folder, "opt/link"));
    expect(await find()).toEqual({ path: join(folder, "opt/link"), versions: ["5.100.0"] });
  });

  test("are looked for where Terraform itself looks, first", () => {
    expect(mirrorRoots({}, "/home/user").slice(0, 6)).toEqual([
      "/home/user/.terraform.d/plugins",
      "/home/user/Library/Application Support/io.terraform/plugins",
      "/Library/Application Support/io.terraform/plugins",
      "/home/user/.local/share/terraform",
      "/usr/local/share/terraform",
      "/usr/share/terraform",
    ]);
    const moved = mirrorRoots({ XDG_DATA_HOME: "/data", XDG_DATA_DIRS: "/one:/two" }, "/home/user");
    expect(moved.slice(3, 6)).toEqual(["/data/terraform", "/one/terraform", "/two/terraform"]);
  });
});

describe("for OpenTofu", () => {
  const tofu = () => ({
    registryHost: OPENTOFU_REGISTRY,
    adapt: openTofuMirror(join(folder, "tofu"), "linux_amd64"),
  });

  test("a mirror of Terraform's is found under the name of OpenTofu's registry, packed or not", async () => {
    await unpacked("opt/mirror", "hashicorp/aws", "5.100.0");
    await packed("opt/mirror", "hashicorp/archive", "terraform-provider-archive_2.7.1_linux_amd64.zip");
    const { cliConfig } = await findProviders(machine(tofu()));
    expect(cliConfig).toContain(`path    = ${JSON.stringify(join(folder, "tofu"))}`);
    expect(cliConfig).toContain('include = ["registry.opentofu.org/hashicorp/aws"]');
    expect(cliConfig).toContain(
      'exclude = ["registry.opentofu.org/hashicorp/aws", "registry.opentofu.org/hashicorp/archive"]',
    );
    for (const end of ["aws/5.100.0/linux_amd64", "archive/terraform-provider-archive_2.7.1_linux_amd64.zip"]) {
      expect(await readlink(join(folder, "tofu/registry.opentofu.org/hashicorp", end))).toBe(
        join(folder, "opt/mirror/registry.terraform.io/hashicorp", end),
      );
    }
  });

  test("what its registry has comes from there", async () => {
    const { descriptions } = await findProviders(machine({ ...tofu(), ...connected }));
    expect(descriptions).toEqual({
      "hashicorp/aws": "registry.opentofu.org",
      "hashicorp/archive": "registry.opentofu.org",
    });
  });
});

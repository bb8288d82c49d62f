import { Bench, buildspec, commands, contextOf, isRunning, phasesOf } from "./codebuild-support";

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.start({ concurrentBuilds: 4 });
  await bench.create();
});
afterAll(() => bench.close());

const before = ["SUBMITTED SUCCEEDED", "QUEUED SUCCEEDED", "PROVISIONING SUCCEEDED", "DOWNLOAD_SOURCE SUCCEEDED"];
const after = ["FINALIZING SUCCEEDED", "COMPLETED"];

const run = (text: string) => bench.run({ buildspecOverride: text });

describe("phases", () => {
  test("all succeed", async () => {
    const { build } = await run(commands("true"));
    expect(build.buildStatus).toBe("SUCCEEDED");
    expect(phasesOf(build)).toEqual([
      ...before,
      "INSTALL SUCCEEDED",
      "PRE_BUILD SUCCEEDED",
      "BUILD SUCCEEDED",
      "POST_BUILD SUCCEEDED",
      "UPLOAD_ARTIFACTS SUCCEEDED",
      ...after,
    ]);
    expect(build.currentPhase).toBe("COMPLETED");
    expect(build.endTime!.getTime()).toBeGreaterThanOrEqual(build.startTime!.getTime());
  });

  test.each(["install", "pre_build"])("a failed %s ends the build", async (name) => {
    const { build, output } = await run(
      buildspec({ [name]: { commands: ["exit 3", "echo not reached"] }, build: { commands: ["echo not reached"] } }),
    );
    expect(build.buildStatus).toBe("FAILED");
    const reached = name === "install" ? ["INSTALL FAILED"] : ["INSTALL SUCCEEDED", "PRE_BUILD FAILED"];
    expect(phasesOf(build)).toEqual([...before, ...reached, ...after]);
    expect(contextOf(build, name.toUpperCase())).toEqual({
      statusCode: "COMMAND_EXECUTION_ERROR",
      message: "Error while executing command: exit 3. Reason: exit status 3",
    });
    expect(output).toBe("");
  });

  test("post_build and artifacts come after a failed build, and the build is known to be failing", async () => {
    const { build, output } = await run(
      buildspec({
        pre_build: { commands: ["echo $CODEBUILD_BUILD_SUCCEEDING"] },
        build: { commands: ["false", "echo not reached"] },
        post_build: { commands: ["echo $CODEBUILD_BUILD_SUCCEEDING"] },
      }),
    );
    expect(output).toBe("1\n0\n");
    expect(build.buildStatus).toBe("FAILED");
    expect(phasesOf(build).slice(6)).toEqual([
      "BUILD FAILED",
      "POST_BUILD SUCCEEDED",
      "UPLOAD_ARTIFACTS SUCCEEDED",
      ...after,
    ]);
  });

  test("on-failure ABORT skips post_build; CONTINUE goes on from pre_build, and the build has failed all the same", async () => {
    const [aborted, continued] = await Promise.all([
      run(
        buildspec({
          build: { "on-failure": "ABORT", commands: ["false"] },
          post_build: { commands: ["echo not reached"] },
        }),
      ),
      run(
        buildspec({
          pre_build: { "on-failure": "CONTINUE", commands: ["false"] },
          build: { commands: ["echo reached with $CODEBUILD_BUILD_SUCCEEDING"] },
        }),
      ),
    ]);
    expect(phasesOf(aborted.build).slice(6)).toEqual(["BUILD FAILED", ...after]);
    expect(aborted.output).toBe("");
    expect(continued.output).toBe("reached with 0\n");
    expect(continued.build.buildStatus).toBe("FAILED");
    expect(phasesOf(continued.build).slice(5, 7)).toEqual(["PRE_BUILD FAILED", "BUILD SUCCEEDED"]);
  });

  test("finally runs after failed commands, and its own failure fails the phase", async () => {
    const [failed, onlyFinally] = await Promise.all([
      run(buildspec({ install: { commands: ["false"], finally: ["echo tidied up"] } })),
      run(buildspec({ install: { commands: ["true"], finally: ["false"] } })),
    ]);
    expect(failed.output).toBe("tidied up\n");
    expect(phasesOf(failed.build)[4]).toBe("INSTALL FAILED");
    expect(phasesOf(onlyFinally.build)[4]).toBe("INSTALL FAILED");
  });
});

describe("shell", () => {
  test("0.2 keeps folder, variables, exports and functions over commands and phases", async () => {
    const { build, output } = await run(
      buildspec({
        install: {
          commands: ["mkdir inner && cd inner", "PLAIN=one", "export EXPORTED=two", "greet() { echo hello $1; }"],
        },
        build: { commands: ["basename $PWD", "echo $PLAIN", "sh -c 'echo $EXPORTED$PLAIN'", "greet you"] },
      }),
    );
    expect(output).toBe("inner\none\ntwo\nhello you\n");
    expect(build.buildStatus).toBe("SUCCEEDED");
  });

  test("0.1 has a shell for each command", async () => {
    const { output } = await run(
      buildspec({ build: { commands: ["cd / && A=1", 'echo "[$A]" $(basename $PWD)'] } }, { version: "0.1" }),
    );
    expect(output).toBe("[] src\n");
  });

  test("the status of a multi-line command is that of its last line, of a pipe that of its last part", async () => {
    const { build, output } = await run(
      buildspec({ build: { commands: ["false\necho second line", "HASH=$(false | cut -c1-7)", 'echo "[$HASH]"'] } }),
    );
    expect(build.buildStatus).toBe("SUCCEEDED");
    expect(output).toContain("second line\n");
    expect(output).toContain("[]\n");
  });

  test("exit ends the command only: what was exported and the folder stay", async () => {
    const { build, output } = await run(
      commands(
        "mkdir inner; cd inner; export A=1; exit 0",
        "echo $A $(basename $PWD)",
        "set -e; false; echo not reached",
      ),
    );
    expect(output).toBe("1 inner\n");
    expect(contextOf(build, "BUILD")?.message).toBe(
      "Error while executing command: set -e; false; echo not reached. Reason: exit status 1",
    );
  });

  test("a command that replaces the shell, or kills it, leaves the next one a fresh shell", async () => {
    const { build, output } = await run(
      buildspec({
        install: { commands: ["exec true", "echo $(basename $PWD)"] },
        build: { commands: ["kill -9 $$"] },
        post_build: { commands: ["echo $CODEBUILD_BUILD_SUCCEEDING"] },
      }),
    );
    expect(output).toBe("src\n0\n");
    expect(contextOf(build, "BUILD")?.message).toBe(
      "Error while executing command: kill -9 $$. Reason: exit status 137",
    );
  });

  test("sh is bash on Amazon Linux, so that [[ is there; env.shell bash is bash proper", async () => {
    const shells = await Promise.all([
      run(commands("[[ abc > abb ]] && echo yes", "echo $0 $SHELLOPTS")),
      run(buildspec({ build: { commands: ["echo <(true)"] } }, { env: { shell: "bash" } })),
      bench.run({
        imageOverride: "aws/codebuild/standard:7.0",
        buildspecOverride: commands("echo ${BASH_VERSION:-none}"),
      }),
    ]);
    expect(shells[0].output).toMatch(/^yes\nsh .*posix/);
    expect(shells[1].output).toMatch(/^\/dev\/fd\/\d+\n$/);
    expect(shells[2].build.buildStatus).toBe("SUCCEEDED");
  });

  test("a syntax error fails the command and nothing else", async () => {
    const { build, output } = await run(
      buildspec({ build: { commands: ["if true; then"] }, post_build: { commands: ["echo still here"] } }),
    );
    expect(phasesOf(build).slice(6, 8)).toEqual(["BUILD FAILED", "POST_BUILD SUCCEEDED"]);
    expect(output).toContain("still here\n");
  });

  test("commands have no input to wait for, and standard error is in the log in its place", async () => {
    const { output } = await run(commands("cat", "echo a; echo b >&2; echo c"));
    expect(output).toBe("a\nb\nc\n");
  });

  test("processes that a command leaves behind end with the build", async () => {
    const { build, output } = await run(commands("sleep 60 & echo $!"));
    expect(build.buildStatus).toBe("SUCCEEDED");
    expect(isRunning(output.trim())).toBe(false);
  });
});

describe("environment", () => {
  test("StartBuild wins over the project, the project over the buildspec, the platform over all", async () => {
    await bench.create({
      name: "precedence",
      environment: {
        type: "LINUX_CONTAINER",
        computeType: "BUILD_GENERAL1_SMALL",
        image: "aws/codebuild/amazonlinux-x86_64-standard:5.0",
        environmentVariables: [
          { name: "B", value: "project" },
          { name: "C", value: "project" },
          { name: "AWS_ENDPOINT_URL", value: "http://elsewhere.test" },
        ],
      },
    });
    const { build, output } = await bench.run({
      projectName: "precedence",
      environmentVariablesOverride: [
        { name: "C", value: "start" },
        { name: "D", value: "start" },
      ],
      buildspecOverride: buildspec(
        { build: { commands: ["echo $A $B $C $D", "echo $AWS_ENDPOINT_URL"] } },
        { env: { variables: { A: "buildspec", B: "buildspec", C: "buildspec", D: "buildspec" } } },
      ),
    });
    expect(output).toBe(`buildspec project start start\n${bench.aws.url}\n`);
    expect(build.environment?.environmentVariables).toEqual([
      { name: "B", value: "project", type: "PLAINTEXT" },
      { name: "C", value: "start", type: "PLAINTEXT" },
      { name: "AWS_ENDPOINT_URL", value: "http://elsewhere.test", type: "PLAINTEXT" },
      { name: "D", value: "start", type: "PLAINTEXT" },
    ]);
  });

  test("no configured proxy or endpoint leads off this machine, and the log says so", async () => {
    const outside = [
      "HTTPS_PROXY",
      "https_proxy",
      "NO_PROXY",
      "AWS_ENDPOINT_URL_S3",
      "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    ];
    const { log, output } = await bench.run({
      environmentVariablesOverride: outside.map((name) => ({ name, value: "elsewhere.test" })),
      buildspecOverride: buildspec(
        { build: { commands: ["env | grep elsewhere || echo none"] } },
        { env: { variables: { all_proxy: "elsewhere.test" } } },
      ),
    });
    expect(output).toBe("none\n");
    for (const name of ["all_proxy", ...outside])
      expect(log).toContain(
        ` ${name} is not used as configured: on this machine the platform decides where requests go\n`,
      );
  });

  test("holds CodeBuild's variables, and of this process's own only PATH", async () => {
    process.env.SECRET_OF_THE_DEVELOPER = "1";
    const { build, output } = await run(commands("env"));
    delete process.env.SECRET_OF_THE_DEVELOPER;
    const shellsOwn = /^(PWD|OLDPWD|SHLVL|_)=/;
    const lines = output
      .trim()
      .split("\n")
      .filter((line) => !shellsOwn.test(line));
    const root = `${bench.workDirectory}/${build.id!.replace(":", "-")}`;
    expect(Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)))).toEqual({
      PATH: process.env.PATH,
      CI: "true",
      // Where nothing listens: the build has no privilege.
      DOCKER_HOST: `unix://${root}/tmp/docker.sock`,
      HOME: `${root}/home`,
      TMPDIR: `${root}/tmp`,
      AWS_REGION: "us-east-1",
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_ENDPOINT_URL: bench.aws.url,
      CODEBUILD_CI: "true",
      CODEBUILD_BUILD_ID: build.id,
      CODEBUILD_BUILD_ARN: `arn:aws:codebuild:us-east-1:123456789012:build/${build.id!}`,
      CODEBUILD_BUILD_IMAGE: "aws/codebuild/amazonlinux-x86_64-standard:5.0",
      CODEBUILD_BUILD_NUMBER: String(build.buildNumber),
      CODEBUILD_BUILD_SUCCEEDING: "1",
      CODEBUILD_INITIATOR: "local",
      CODEBUILD_KMS_KEY_ID: "arn:aws:kms:us-east-1:123456789012:alias/aws/s3",
      CODEBUILD_LOG_PATH: build.id!.split(":")[1],
      CODEBUILD_SRC_DIR: `${root}/src`,
      CODEBUILD_START_TIME: String(build.startTime!.getTime()),
    });
  });

  test("exported variables are returned with the values of the end; what is not set is left out", async () => {
    const { build } = await run(
      buildspec(
        { install: { commands: ["export HASH=first"] }, build: { commands: ["HASH='two words'", "export EMPTY="] } },
        { env: { "exported-variables": ["HASH", "EMPTY", "UNSET"] } },
      ),
    );
    expect(build.exportedEnvironmentVariables).toEqual([
      { name: "HASH", value: "two words" },
      { name: "EMPTY", value: "" },
    ]);
  });
});

describe("what a buildspec must not be", () => {
  const head = "version: 0.2\nphases:\n  build:\n    commands:\n";

  test.each([
    [
      "an unquoted colon",
      `${head}      - 'echo a: b'\n      - echo "a: b"\n`,
      "Expected Commands[1] to be of string type: found subkeys instead at line 6, value of the key tag on line 5 might be empty",
    ],
    [
      "a list",
      `${head}      - - a\n`,
      "Expected Commands[0] to be of string type: found subkeys instead at line 5, value of the key tag on line 4 might be empty",
    ],
    ["a number", `${head}      - 1.0\n`, "Expected Commands[0] to be of string type: found 1.0 instead at line 5"],
    ["nothing", `${head}      -\n`, "Expected Commands[0] to be of string type: found nothing instead at line 5"],
    [
      "commands without a list",
      "version: 0.2\nphases:\n  build:\n    commands: echo a\n",
      "commands must be a sequence",
    ],
    ["another version", "version: 0.3\nphases: {}\n", "version must be 0.1 or 0.2, got: 0.3"],
    ["no phases", "version: 0.2\nenv: {}\n", "phases is required, got: none"],
    [
      "an unknown phase",
      "version: 0.2\nphases:\n  prebuild: {}\n",
      "invalid buildspec phase name: prebuild. Expecting: build,install,post_build,pre_build",
    ],
    [
      "an export that is no name",
      '{"version": 0.2, "env": {"exported-variables": ["a b"]}, "phases": {}}',
      'env/exported-variables: "a b" is no variable name',
    ],
  ])("%s", async (_, text, message) => {
    const { build, log } = await run(text);
    expect(phasesOf(build)).toEqual([...before.slice(0, 3), "DOWNLOAD_SOURCE FAILED", ...after]);
    expect(contextOf(build, "DOWNLOAD_SOURCE")).toEqual({ statusCode: "YAML_FILE_ERROR", message });
    expect(log).toContain(`Phase context status code: YAML_FILE_ERROR Message: ${message}\n`);
  });

  test("YAML that does not parse is a YAML_FILE_ERROR that says where", async () => {
    const { build } = await run("version: 0.2\nphases:\n\tbuild: {}\n");
    expect(contextOf(build, "DOWNLOAD_SOURCE")?.statusCode).toBe("YAML_FILE_ERROR");
    expect(contextOf(build, "DOWNLOAD_SOURCE")?.message).toContain("line 3");
  });

  test.each([
    ["env/parameter-store in the buildspec", { env: { "parameter-store": { A: "/a" } } }, {}],
    ["env/secrets-manager in the buildspec", { env: { "secrets-manager": { A: "a" } } }, {}],
    ["env/shell powershell.exe in the buildspec", { env: { shell: "powershell.exe" } }, {}],
    ["on-failure RETRY-2 of phase build", {}, { build: { "on-failure": "RETRY-2", commands: ["true"] } }],
    ["run-as in the buildspec", { "run-as": "someone" }, {}],
  ])("not supported here, and said so: %s", async (what, rest, phases) => {
    const { build } = await run(buildspec(phases, rest));
    expect(contextOf(build, "DOWNLOAD_SOURCE")).toEqual({
      statusCode: "NOT_SUPPORTED_LOCALLY",
      message: `${what}: not supported by CodeBuild on this machine`,
    });
  });
});

describe("what a build runs on", () => {
  const buildspecOverride = buildspec({ build: { commands: ['echo "${BASH_VERSION:+bash}"'] } });

  test.each([
    ["LINUX_CONTAINER", "BUILD_GENERAL1_SMALL", "amazonlinux-x86_64-standard:5.0", 60],
    ["ARM_CONTAINER", "BUILD_GENERAL1_2XLARGE", "amazonlinux-aarch64-standard:3.0", 60],
    ["LINUX_LAMBDA_CONTAINER", "BUILD_LAMBDA_1GB", "amazonlinux-x86_64-lambda-standard:nodejs22", 15],
    ["ARM_LAMBDA_CONTAINER", "BUILD_LAMBDA_10GB", "amazonlinux-aarch64-lambda-standard:nodejs22", 15],
  ] as const)("%s is this machine; its sh is Amazon Linux's", async (type, computeType, name, minutes) => {
    const projectName = `on-${name.replace(/[^a-z0-9]/g, "-")}`;
    await bench.create({ name: projectName, environment: { type, computeType, image: `aws/codebuild/${name}` } });
    const { build, output } = await bench.run({ projectName, buildspecOverride });
    expect([build.buildStatus, build.timeoutInMinutes, output]).toEqual(["SUCCEEDED", minutes, "bash\n"]);
  });

  test("an image of one's own takes no runtime versions", async () => {
    const phases = { install: { "runtime-versions": { nodejs: 22 } }, build: { commands: ["true"] } };
    const imageOverride = "registry.example/node:22";
    const { build } = await bench.run({ imageOverride, buildspecOverride: buildspec(phases) });
    expect(contextOf(build, "DOWNLOAD_SOURCE")).toEqual({
      statusCode: "YAML_FILE_ERROR",
      message: "This build image does not support selecting runtime versions.",
    });
  });
});

describe("log", () => {
  test("reads as CodeBuild's, and is in CloudWatch Logs as in the file", async () => {
    const { build, log } = await run(
      buildspec({
        install: { "runtime-versions": { nodejs: 22 }, commands: ["echo hello"] },
        build: { commands: ["exit 4"] },
      }),
    );
    const lines = log
      .replace(/^\[Container\] \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d{6} /gm, "> ")
      .trim()
      .split("\n");
    const start = lines.indexOf("> Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED");
    expect(lines.slice(start - 4)).toEqual([
      expect.stringMatching(/^> Moving to directory /),
      "> Phases found in YAML: 2",
      ">  INSTALL: 1 commands",
      ">  BUILD: 1 commands",
      "> Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED",
      "> Phase context status code:  Message: ",
      "> Entering phase INSTALL",
      "> Running command echo hello",
      "hello",
      "> Phase complete: INSTALL State: SUCCEEDED",
      "> Phase context status code:  Message: ",
      "> Entering phase PRE_BUILD",
      "> Phase complete: PRE_BUILD State: SUCCEEDED",
      "> Phase context status code:  Message: ",
      "> Entering phase BUILD",
      "> Running command exit 4",
      "> Command did not exit successfully exit 4 exit status 4",
      "> Phase complete: BUILD State: FAILED",
      "> Phase context status code: COMMAND_EXECUTION_ERROR Message: Error while executing command: exit 4. Reason: exit status 4",
      "> Entering phase POST_BUILD",
      "> Phase complete: POST_BUILD State: SUCCEEDED",
      "> Phase context status code:  Message: ",
      "> Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED",
      "> Phase context status code:  Message:",
    ]);
    expect(log).toContain(
      `Selecting 'nodejs' runtime version '22' based on manual selections; this machine runs node ${process.version}\n`,
    );
    const uuid = build.id!.split(":")[1]!;
    expect(build.logs).toMatchObject({
      groupName: "/aws/codebuild/sample",
      streamName: uuid,
      deepLink: `https://console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/$252Faws$252Fcodebuild$252Fsample/log-events/${uuid}`,
      cloudWatchLogsArn: `arn:aws:logs:us-east-1:123456789012:log-group:/aws/codebuild/sample:log-stream:${uuid}`,
    });
    expect(bench.aws.logs.get(`/aws/codebuild/sample ${uuid}`)).toBe(log);
  });

  test("goes to the configured group and stream, or nowhere when DISABLED", async () => {
    const named = await bench.run({
      logsConfigOverride: { cloudWatchLogs: { status: "ENABLED", groupName: "/pipelines/a", streamName: "sample" } },
    });
    const stream = `sample/${named.build.id!.split(":")[1]!}`;
    expect(named.build.logs?.streamName).toBe(stream);
    expect(bench.aws.logs.get(`/pipelines/a ${stream}`)).toBe(named.log);
    const streams = bench.aws.logs.size;
    const disabled = await bench.run({ logsConfigOverride: { cloudWatchLogs: { status: "DISABLED" } } });
    expect(disabled.build.logs?.groupName).toBeUndefined();
    expect(bench.aws.logs.size).toBe(streams);
    expect(disabled.log).toContain("Phase complete: BUILD State: SUCCEEDED");
  });

  test("a lot of output arrives whole and in order", async () => {
    const { build, log } = await run(commands("seq 1 25000", "printf '%0300000d' 0"));
    expect(bench.aws.logs.get(`/aws/codebuild/sample ${build.id!.split(":")[1]!}`)).toBe(log);
    expect(log).toContain("\n24999\n25000\n");
  });

  test("a build does not fail because CloudWatch Logs cannot be reached", async () => {
    const alone = await Bench.start({ endpoint: "http://127.0.0.1:9" });
    await alone.create();
    const { build, log } = await alone.run();
    await alone.close();
    expect(build.buildStatus).toBe("SUCCEEDED");
    expect(log).toContain("This log does not reach CloudWatch Logs: ");
  });
});

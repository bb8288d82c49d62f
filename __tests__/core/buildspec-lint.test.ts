import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parse } from "yaml";
import { formatFinding } from "../../core/buildspec/finding";
import { lintBuildspec } from "../../core/buildspec/lint";
import { asItem } from "../../core/buildspec/quote";
import { rules } from "../../core/buildspec/rules";

const buildspecs = join(__dirname, "../../buildspecs");

/** A buildspec whose build phase has these entries; the first stands in line 5, its text begins in column 9. */
function build(entries: string, head = ""): string {
  return `version: 0.2\n${head}phases:\n  build:\n    commands:\n${entries.replace(/^(?=.)/gm, "      ")}\n`;
}

function lint(text: string): string[] {
  return lintBuildspec(text).map((finding) => formatFinding("b.yml", finding));
}

function rulesOf(text: string): string[] {
  return lintBuildspec(text).map(({ rule, severity }) => `${rule} ${severity}`);
}

test.each(readdirSync(buildspecs))("our own %s has no findings", (file) => {
  expect(lint(readFileSync(join(buildspecs, file), "utf8"))).toEqual([]);
});

test.each(Object.keys(rules))("docs/buildspecs.md explains %s", (rule) => {
  const docs = readFileSync(join(__dirname, "../../docs/buildspecs.md"), "utf8");
  expect(docs).toMatch(new RegExp(`^\\| \`${rule}\` `, "m"));
});

test("a buildspec with everything that the reference knows has no findings", () => {
  expect(
    lint(`version: 0.2
run-as: builder
env:
  shell: bash
  variables: { PORT: 8080, EMPTY: , DEBUG: true }
  parameter-store: { TOKEN: /a/b }
  secrets-manager: { KEY: "id:key:AWSCURRENT:" }
  exported-variables: [GIT_HASH]
  git-credential-helper: yes
proxy: { upload-artifacts: no, logs: true }
batch:
  fast-fail: false
  build-graph:
    - identifier: one
      buildspec: one.yml
      debug-session: false
      env: { compute-type: BUILD_GENERAL1_SMALL, image: a:1, privileged-mode: true, type: LINUX_CONTAINER, variables: { A: 1 } }
      ignore-failure: true
    - identifier: two
      depend-on: [one]
      env: { fleet: f }
  build-list: [{ identifier: three }]
  build-matrix:
    static: { ignore-failure: false, env: { type: LINUX_CONTAINER, privileged-mode: true } }
    dynamic: { buildspec: [a.yml, b.yml], env: { image: [a, b], variables: { V: [x, y] } } }
  build-fanout: { parallelism: 5, ignore-failure: false }
phases:
  install:
    run-as: root
    on-failure: RETRY-2-.*timeout.*
    runtime-versions: { python: 3.10, nodejs: 22 }
    commands: [npm ci]
    finally: [echo done]
  pre_build: { on-failure: ABORT, steps: [{ uses: actions/checkout@v4 }] }
  build: { on-failure: CONTINUE, commands: [npm test] }
  post_build: { on-failure: RETRY, commands: [echo bye] }
reports:
  arn:partition:codebuild:region:1:report-group/one:
    files: ["**/*"]
    base-directory: target
    discard-paths: no
    file-format: JunitXml
artifacts:
  files: imagedefinitions.json
  name: name-$(date +%Y-%m-%d)
  discard-paths: yes
  base-directory: out
  exclude-paths: "**/*.map"
  enable-symlinks: yes
  s3-prefix: p
  secondary-artifacts: { one: { files: [a], name: b } }
cache:
  key: npm-$(codebuild-hash-files package-lock.json)
  fallback-keys: [npm-]
  action: restore
  paths: ["/var/cache/npm/**/*"]
`),
  ).toEqual([]);
});

test("version 0.1 has its own environment variables", () => {
  expect(
    lint("version: 0.1\nenvironment_variables:\n  plaintext: { A: b }\nphases: { build: { commands: [a] } }\n"),
  ).toEqual([]);
});

describe("a command that YAML does not read as text", () => {
  test("the folk recipe with a colon: what YAML made of it, and the line as it should be", () => {
    expect(lint(build('- echo start\n- buildComment=$(echo "Status of project build phase : $buildStatus")'))).toEqual([
      'b.yml:6:9 error command-not-string: YAML reads this command as a mapping, {"buildComment=$(echo \\"Status of project build phase":"$buildStatus\\")"}: ' +
        "a colon and a space outside of quotes make a key (quotes inside of the command do not count for YAML); " +
        'CodeBuild refuses it ("Expected Commands[1] to be of string type")\n' +
        "    - 'buildComment=$(echo \"Status of project build phase : $buildStatus\")'",
    ]);
  });

  test.each([
    [`- echo "it's: $x"`, `- |\n  echo "it's: $x"`],
    [`- echo it's: x`, `- "echo it's: x"`],
    ["- { echo hi; }", "- '{ echo hi; }'"],
    ["- [ -f x ]", "- '[ -f x ]'"],
    ["- - echo x", "- 'echo x'"],
    ["- 42", "- '42'"],
  ])("%s is an error, written %j", (entry, correction) => {
    expect(lintBuildspec(build(entry))).toMatchObject([{ rule: "command-not-string", severity: "error", correction }]);
  });

  test.each([
    ["- true", "YAML reads true as a boolean, not as a command; quote it, so that it does not depend on the parser"],
    ["- ~", "YAML reads nothing here: the entry has no command; delete it"],
    ["-", "YAML reads nothing here: the entry has no command; delete it"],
  ])("%j is a warning", (entry, message) => {
    expect(lintBuildspec(build(entry))).toMatchObject([{ rule: "command-not-string", severity: "warning", message }]);
  });

  test.each([
    ['- echo "a: b: c"', `- 'echo "a: b: c"'`],
    ['- "$(pwd)/run" --fast', `- '"$(pwd)/run" --fast'`],
    ["- [ -f x ] && echo y", "- '[ -f x ] && echo y'"],
    ["- `which npm` ci", "- '`which npm` ci'"],
    ["- *.sh", "- '*.sh'"],
  ])("%s is no YAML at all, written %j", (entry, correction) => {
    expect(lintBuildspec(build(entry))).toMatchObject([
      { rule: "yaml-syntax", severity: "error", line: 5, correction },
    ]);
  });

  test("an exclamation mark goes to YAML, not to the shell", () => {
    expect(lint(build("- ! grep -q FATAL log.txt"))).toEqual([
      'b.yml:5:9 warning command-tag: YAML takes ! for a tag and the shell gets "grep -q FATAL log.txt"\n' +
        "    - '! grep -q FATAL log.txt'",
    ]);
  });

  test.each(["- echo a:b http://c", '- "echo: x"', "- 'a: b'", "- |\n  echo a: b", "- &run echo x\n- *run"])(
    "%j is text",
    (entries) => {
      expect(lint(build(entries))).toEqual([]);
    },
  );
});

describe("lines that belong apart", () => {
  const WHILE = "while true\ndo\n  sleep 1\ndone";

  test("a loop without a bar", () => {
    expect(lint(build("- while true\n  do\n    sleep 1\n  done"))).toEqual([
      "b.yml:5:9 error joined-lines: without | YAML folds the lines into one, which no shell parses (expected 'do'); " +
        "with its lines kept it does\n    - |\n      while true\n      do\n      sleep 1\n      done",
    ]);
  });

  test.each([
    ["- >\n  if [ -f x ]; then\n  echo y\n  fi", "error"],
    ["- >-\n  for f in *\n  do\n  echo $f\n  done", "error"],
    ["- 'if [ -f x ]; then\n  echo \"y\"\n  fi'", "error"],
    ['- "if [ -f x ]; then\n  echo y\n  fi"', "error"],
    ["- >\n  cat <<EOF > x\n  hello\n  EOF", "error"],
    ["- >\n  cd app\n  npm install", "warning"],
    ["- npm ci # fast\n- >\n  npm ci # fast\n  npm test", "warning"],
  ])("%j", (entries, severity) => {
    expect(rulesOf(build(entries))).toEqual([`joined-lines ${severity}`]);
  });

  test("a dash that is indented too deep", () => {
    expect(lint(build("- npm ci\n - npm test\n -  npm run 'x'"))).toEqual([
      "b.yml:5:9 warning joined-lines: the next dash is indented deeper than that of this entry, so YAML makes its line an argument\n" +
        "    - 'npm ci'\n    - 'npm test'\n    - \"npm run 'x'\"",
    ]);
  });

  test.each([
    `- |\n${WHILE.replace(/^/gm, "  ")}`,
    "- while true; do\n    sleep 1;\n    done",
    "- tar -x -C out -f\n  -",
    // Lines that are indented more keep their breaks.
    "- >\n  if [ -f x ]; then\n    echo y\n  fi",
    "- >\n  docker build\n  --tag x\n  .",
    "- >\n  docker run --rm image\n  npm test",
    "- npm run build &&\n  npm test",
    '- "echo one \\\n  two"',
  ])("%j is meant so", (entries) => {
    expect(lint(build(entries))).toEqual([]);
  });
});

describe("what no shell parses", () => {
  test("each entry runs by itself: an if over three entries becomes one", () => {
    expect(lint(build("- echo a\n- if [ -f x ]; then\n- echo y\n- fi\n- echo z"))).toEqual([
      "b.yml:6:26 error shell-syntax: no shell parses this command: expected command after 'then'; " +
        "each entry runs by itself, this one goes on in those below it: make them one entry\n" +
        "    - |\n      if [ -f x ]; then\n      echo y\n      fi",
    ]);
  });

  test("a number sign in quotes begins a comment of YAML", () => {
    expect(lint(build('- echo "Issue #5"'))).toEqual([
      "b.yml:5:14 error shell-syntax: no shell parses this command: unterminated double quote; " +
        "YAML takes what follows the # for a comment: quote the command\n    - 'echo \"Issue #5\"'",
    ]);
  });

  test("in a block the line and the column are those of the file", () => {
    expect(lintBuildspec(build("- echo a\n- |\n  echo b\n\n    echo )\n  echo c"))).toMatchObject([
      { rule: "shell-syntax", severity: "error", line: 9, column: 16 },
    ]);
  });

  test.each(["- echo 'a", "- echo $(date", "- a=$(if)", "- ( cd x", "- done", "- if x; then y", "- a && && b"])(
    "%s",
    (entries) => {
      expect(rulesOf(build(entries))).toEqual(["shell-syntax error"]);
    },
  );

  test("bash parses backticks only when it comes to them", () => {
    expect(lint(build("- echo a `if x`"))).toEqual([
      "b.yml:5:16 warning shell-syntax: no shell parses this command: expected 'then'",
    ]);
  });

  test("a here-document that is indented with its if never ends", () => {
    const [finding] = lintBuildspec(build("- |\n  if true; then\n    cat <<EOF\n    hi\n    EOF\n  fi"));
    expect(finding?.message).toBe(
      "no shell parses this command: expected 'fi' to close 'if'; its here-document ends at a line with EOF alone, not indented",
    );
  });

  test("a here-document over several entries", () => {
    expect(rulesOf(build("- cat <<EOF\n- hello\n- EOF"))).toEqual(["open-heredoc warning"]);
  });

  test.each([
    ["the shell is named", build("- if (Test-Path x) { echo y }", "env: { shell: powershell.exe }\n")],
    ["PowerShell shows itself", build("- if (Test-Path x) { echo y }\n- $env:A = 'b'")],
    ["cmd shows itself", build("- if %ERRORLEVEL% NEQ 0 (")],
    ["cmd is called", build("- cmd /c dir\n- for %f in (*) do echo %f")],
    ["a drive is named", build("- if exist C:\\x (")],
    ["PowerShell is called", build("- powershell -c a\n- if (x) { y }")],
  ])("Windows has shells of its own: %s", (_, text) => {
    expect(lint(text)).toEqual([]);
  });
});

test.each([
  "- A=$(date +%Y%m%d%H%M%S)",
  "- date +%FT%T%z",
  "- docker push $repo/$env:latest",
  "- echo Get-Ready (or not",
])("a shell as any other: %s", (entry) => {
  expect(rulesOf(build(`${entry}\n- done`))).toContain("shell-syntax error");
});

describe("the file", () => {
  test.each([
    ["", "b.yml:1:1 error yaml-syntax: YAML reads nothing; a buildspec begins with its version\n    version: 0.2"],
    ["# a\n", "b.yml:1:1 error yaml-syntax: YAML reads nothing; a buildspec begins with its version\n    version: 0.2"],
    [
      "- a\n",
      "b.yml:1:1 error yaml-syntax: YAML reads no mapping at the top level; a buildspec begins with its version\n    version: 0.2",
    ],
  ])("%j", (text, message) => {
    expect(lint(text)).toEqual([message]);
  });

  test("a merge that was not finished", () => {
    expect(lint("version: 0.2\nartifacts:\n<<<<<<< HEAD\n  files: a\n=======\n files: b\n>>>>>>> other\n")).toEqual([
      "b.yml:3:1 error yaml-syntax: no YAML: a merge left its conflict here; keep one side, delete the lines with <<<<<<<, ======= and >>>>>>>",
    ]);
  });

  test.each([
    ["version:0.2\nphases:\n  build:\n", "1:1", "a key ends with a colon and a space\n    version: 0.2"],
    ["version: 0.2\nphases:\n  build\n    commands: [a]\n", "3:3", "a key ends with a colon\n      build:"],
    [
      "version: 0.2\n\n  env:\n    shell: bash\n",
      "1:10",
      "a key stands below this line, indented deeper, though the line has its value already",
    ],
    [
      build("- |\necho a\necho b"),
      "6:1",
      "the lines of the block that begins in line 5 must be indented deeper than that line",
    ],
    [
      "version: 0.2\nphases:\n  build:\n   commands: [a]\n    finally: [b]\n",
      "5:1",
      "this line is indented like none that it could belong to",
    ],
    [
      "version: 0.2\nphases:\n  build:\n    commands:\n      - a\n    - b\n",
      "6:1",
      "this dash is indented like none above it",
    ],
    ["echo a\n# b\necho c\n", "3:1", "the text above has ended, and this line belongs to nothing"],
    [
      build("- aws x \\\n    --tag a: b"),
      "5:9",
      "a colon and a space outside of quotes make a key of the entry, and a key has room in one line\n    - |\n      aws x \\\n        --tag a: b",
    ],
  ])("no YAML, and why: %j", (text, place, cause) => {
    expect(lint(text)).toEqual([`b.yml:${place} error yaml-syntax: no YAML: ${cause}`]);
  });

  test("tabs", () => {
    expect(lint("version: 0.2\nphases:\n\tbuild:\n")).toEqual([
      "b.yml:3:1 error tab: a tab indents this line, YAML takes only spaces\n      build:",
    ]);
    expect(lint(build("-\techo x"))).toEqual([
      "b.yml:5:9 error tab: a tab stands behind the dash, YAML takes only spaces there",
    ]);
    expect(lint(build("- printf 'a\tb'"))).toEqual([]);
  });

  test("a key twice", () => {
    expect(lint("version: 0.2\nversion: 0.2\nphases:\n  build:\n    commands: [a]\n    commands: [b]\n")).toEqual([
      "b.yml:2:1 warning duplicate-key: version is written twice, with the same value in line 1: delete one",
      "b.yml:6:5 error duplicate-key: commands is written already in line 5: one of the two is lost, or the file is refused; put both into one",
    ]);
  });

  test("a second document", () => {
    expect(lint("version: 0.2\nphases: { build: { commands: [a] } }\n---\nversion: 0.2\n")).toEqual([
      "b.yml:3:1 warning several-documents: a second YAML document begins here, CodeBuild reads the first alone; delete it or this line",
    ]);
  });

  test.each([
    ["version: 0.2", []],
    ["version: '0.2'", []],
    ["version: 0.1", []],
    ["version: 0.20", ["version warning"]],
    ["version: .2", ["version warning"]],
    ["version: 0.3", ["version error"]],
    ["version: 1.0", ["version error"]],
    ["version: 2", ["version error"]],
    ["version: v0.2", ["version error"]],
    ["version:", ["version error"]],
    ["{}", ["version error"]],
    ["batch: { build-list: [{ identifier: a }] }", ["version warning"]],
  ])("%s", (text, expected) => {
    expect(rulesOf(text)).toEqual(expected);
  });

  test("a version that does not exist", () => {
    expect(lint("version: 0.20")).toEqual([
      "b.yml:1:10 warning version: YAML reads 0.20 as the number 0.2; write it the way the reference does\n    version: 0.2",
    ]);
    expect(lint("version: 1.0")).toEqual([
      'b.yml:1:10 error version: there is no version 1.0, CodeBuild refuses the file ("invalid buildspec version specified")\n    version: 0.2',
    ]);
  });

  test("a version in quotes, which a batch refuses", () => {
    expect(lint("version: '0.2'\nbatch: { build-list: [{ identifier: a }] }\n")).toEqual([
      'b.yml:1:10 warning version: YAML reads the text "0.2" because of the quotes, and a batch refuses it ' +
        '("cannot unmarshal !!str into float64")\n    version: 0.2',
    ]);
  });

  test("phases", () => {
    expect(lint("version: 0.2\nphases:\n  postbuild: {}\n  Build: {}\n  artifacts: {}\n  deploy: {}\n")).toEqual([
      'b.yml:3:3 error unknown-phase: "postbuild" is no phase, CodeBuild refuses it ("Invalid buildspec phase name"); did you mean post_build?\n    post_build:',
      'b.yml:4:3 warning unknown-phase: "Build" is no phase; did you mean build?\n    build:',
      'b.yml:5:3 error unknown-phase: "artifacts" is no phase, CodeBuild refuses it ("Invalid buildspec phase name"); it belongs at the top level',
      'b.yml:6:3 error unknown-phase: "deploy" is no phase, CodeBuild refuses it ("Invalid buildspec phase name"); expected install, pre_build, build, post_build',
    ]);
  });

  test("keys", () => {
    expect(
      lint(
        "version: 0.2\nartifact: {}\nbuild-list: []\nphases:\n  install:\n    runtime-version: {}\n    build: {}\nartifacts:\n  exclude: a\nproxy:\n  zzz: a\n",
      ),
    ).toEqual([
      'b.yml:2:1 warning unknown-key: "artifact" is no key at the top level, so CodeBuild does not read it; did you mean artifacts?\n    artifacts:',
      'b.yml:3:1 warning unknown-key: "build-list" is no key at the top level, so CodeBuild does not read it; it belongs under batch',
      'b.yml:6:5 warning unknown-key: "runtime-version" is no key in phases.install, so CodeBuild does not read it; did you mean runtime-versions?\n    runtime-versions:',
      'b.yml:7:5 warning unknown-key: "build" is no key in phases.install, so CodeBuild does not read it; it belongs under phases',
      'b.yml:9:3 warning unknown-key: "exclude" is no key in artifacts, so CodeBuild does not read it; did you mean exclude-paths?\n    exclude-paths:',
      'b.yml:11:3 warning unknown-key: "zzz" is no key in proxy, so CodeBuild does not read it; known there: upload-artifacts, logs',
    ]);
  });

  test("values for aliases may stand under any key at the top level", () => {
    expect(
      lint(
        "version: 0.2\n.a: &a { commands: [echo a] }\nx-b: [1]\nshared: &c [echo c]\nphases:\n  install: { <<: *a }\n  build: { commands: *c }\n",
      ),
    ).toEqual([]);
  });

  test("types and values", () => {
    expect(
      lint(
        "version: 0.2\nenv: foo\nphases:\n  - build\nartifacts: [x]\ncache:\n  paths: { a: b }\n  action: both\nreports:\n  r:\n    file-format: JUNIT\n    discard-paths: perhaps\n",
      ),
    ).toEqual([
      'b.yml:2:1 error wrong-type: env must be a mapping, YAML reads the text "foo"',
      "b.yml:3:1 error wrong-type: phases must be a mapping, YAML reads a list",
      "b.yml:5:1 error wrong-type: artifacts must be a mapping, YAML reads a list",
      "b.yml:7:3 error wrong-type: cache.paths must be a list, YAML reads a mapping",
      'b.yml:8:3 warning unknown-value: cache.action is "both"; known: restore, save',
      'b.yml:11:5 warning unknown-value: reports.r.file-format is "JUNIT"; did you mean JUNITXML?\n    file-format: JUNITXML',
      'b.yml:12:5 warning wrong-type: reports.r.discard-paths must be yes or no, YAML reads the text "perhaps"',
    ]);
    expect(lint("version: 0.2\nphases:\n  build:\n    on-failure: abort\n    commands: npm test\n")).toEqual([
      'b.yml:4:5 warning unknown-value: phases.build.on-failure must be ABORT, CONTINUE, RETRY or RETRY-..., got "abort"',
      'b.yml:5:15 warning wrong-type: phases.build.commands must be a list, YAML reads one text: "npm test"\n    commands:\n      - npm test',
    ]);
    expect(lint("version: 0.2\nphases:\n  build:\n    commands:\n      -npm ci\n      -npm test\n")).toEqual([
      'b.yml:5:7 warning wrong-type: phases.build.commands must be a list, YAML reads one text: "-npm ci -npm test"; ' +
        "a dash begins an item only with a space behind it\n    commands:\n      - npm ci\n      - npm test",
    ]);
    expect(lint(build("- a", "env: { shell: /bin/bash }\n"))).toEqual([
      'b.yml:2:8 warning unknown-value: env.shell is "/bin/bash"; did you mean bash?\n    shell: bash',
    ]);
  });
});

describe("what bites later", () => {
  test("get-login", () => {
    expect(lint(build("- $(aws ecr get-login --no-include-email --region $AWS_DEFAULT_REGION)"))).toEqual([
      "b.yml:5:11 warning get-login: aws ecr get-login is gone from AWS CLI 2, which the current build images have; ECR_HOST is the registry's host name here\n" +
        '    - aws ecr get-login-password | docker login --username AWS --password-stdin "$ECR_HOST"',
    ]);
    expect(rulesOf(build("- eval $(aws --region $REGION ecr get-login --no-include-email)"))).toEqual([
      "get-login warning",
    ]);
    expect(
      lint(build("- aws ecr get-login-password | docker login --password-stdin x\n- echo aws ecr get-login")),
    ).toEqual([]);
  });

  test("a pipe whose failure nobody sees", () => {
    expect(lint(build("- DOCKER_IMAGE=$(docker images | grep $NAME | head -n 1)"))).toEqual([
      "b.yml:5:9 warning pipe-hides-failure: where docker fails, the pipe does not: DOCKER_IMAGE is empty or wrong and the build goes on; " +
        "bash has set -o pipefail (with shell: bash)\n    - set -o pipefail",
    ]);
  });

  test.each([
    '- A="$(cat x | jq .a)"',
    "- export A=$(echo $B | grep c | head -1)",
    "- A=`aws x | cut -c 1`",
    "- |\n  A=$(a | b)\n  echo $A",
    // Nothing is what a failure gives, and it is less than one and may be what the other is.
    '- A=$(a | wc -l)\n- if [ "$A" -gt 0 ]; then exit 1; fi',
    '- A=$(a | b)\n- if [ "$A" = "$B" ]; then exit 1; fi',
    '- A=$(a | b)\n- if [ "$AB" = c ]; then exit 1; fi',
  ])("%j, too", (entries) => {
    expect(rulesOf(build(entries))).toEqual(["pipe-hides-failure warning"]);
  });

  test.each([
    "- A=$(echo $CODEBUILD_RESOLVED_SOURCE_VERSION | cut -c 1-7)",
    "- A=$(docker images)",
    "- A=$(a | b || echo none)",
    '- A=$(a | b)\n- if [ -z "$A" ]; then exit 1; fi',
    '- A=$(a | b)\n- if [ "$A" = done ]; then c; fi',
    '- A=$(a | b)\n- while [ "${A}" != 100 ]; do c; done',
    "- A=$(a | b)\n- test 0 != $A",
    "- A=$(a | b)\n- B=${A:?}",
    "- a | b",
  ])("%j is no such pipe", (entries) => {
    expect(lint(build(entries))).toEqual([]);
  });

  test("pipefail takes care of what comes after it", () => {
    const bash = "env: { shell: bash }\n";
    expect(lint(build("- set -euo pipefail\n- A=$(a | b)", bash))).toEqual([]);
    expect(rulesOf(build("- A=$(a | b)\n- set -euo pipefail", bash))).toEqual(["pipe-hides-failure warning"]);
  });

  test("a pipe in what is exported hides its failure even with pipefail", () => {
    const exported = "- set -o pipefail\n- export TAG=$(git log | head -1)";
    expect(lint(build(exported, "env: { shell: bash }\n"))).toEqual([
      "b.yml:7:16 warning pipe-hides-failure: where git fails, the pipe does not: TAG is empty or wrong and the build goes on; " +
        "assign first, export then, and with shell: bash set -o pipefail before\n" +
        "    - set -o pipefail\n    - 'TAG=$(git log | head -1)'\n    - export TAG",
    ]);
  });

  test("bash without saying so, once for the file", () => {
    expect(lint(build('- echo a\n- if [[ "$A" > "$B" ]]; then source x; fi\n- "[[ $A ]]"'))).toEqual([
      "b.yml:6:12 warning bashism: bash alone has [[ ]] (line 6), source (line 6); without shell: bash CodeBuild takes sh, which is dash on Debian and Ubuntu images\n" +
        "    env:\n      shell: bash",
    ]);
  });

  test.each([
    ["- A=(1 2)", "an array"],
    ["- ((A++))", "(( ))"],
    ["- diff <(a) <(b)", "<( )"],
    ["- cat <<< x", "<<<"],
    ["- a &> b", "&>"],
    ["- echo ${A:0:7}", "${A:0:7}"],
    ["- echo ${A^^}", "${A^^}"],
    ["- echo $'a'", "$' '"],
    ["- touch {a,b}", "{a,b}"],
    ['- "[ a == b ]"', "[ =="],
    ["- pushd x", "pushd"],
    ["- A+=b", "+="],
    ["- function f { a; }", "function"],
    ["- echo $RANDOM ${SECONDS}", "$RANDOM"],
    ["- set -o pipefail", "set -o pipefail"],
  ])("%s", (entry, construct) => {
    expect(
      lintBuildspec(build(entry)).map(({ rule, message }) => `${rule} ${message.split(" (line")[0] ?? ""}`),
    ).toEqual([`bashism bash alone has ${construct}`]);
    expect(lint(build(entry, "env: { shell: bash }\n"))).toEqual([]);
  });

  test.each([
    "- echo ${A:-b} ${A%.*} $((1 + 2))",
    "- '[ a = b ] && . ./x'",
    "- bash -c '[[ a ]]'",
    "- if [ a ]; then b > c 2>&1; fi",
    "- f() { a; }",
    // Bash would take it apart.
    "- aws x --tags {Key=a,Value=b}",
  ])("sh has %s", (entry) => {
    expect(lint(build(entry))).toEqual([]);
  });
});

describe("any input", () => {
  test("line breaks of Windows change nothing", () => {
    const text = build('- >\n  cd app\n  npm install\n- |\n  if x; then\n    y\n  fi\n- echo "a: b"');
    expect(lint(text)).toHaveLength(2);
    expect(lint(text.replaceAll("\n", "\r\n"))).toEqual(lint(text));
  });

  test("a command as an item is read back as it was", () => {
    const line = fc.string({ unit: fc.constantFrom(...Array.from("abc'\"\\ :#-{}[]!&*|>%@`$\n")), maxLength: 30 });
    fc.assert(
      fc.property(line, (text) => {
        fc.pre(text.trim() !== "");
        expect((parse(asItem(text)) as string[])[0]?.trimEnd()).toBe(text.trimEnd());
      }),
    );
  });

  test("no text makes the linter throw", () => {
    const piece = fc.constantFrom(
      "version: 0.2\n",
      "phases:\n",
      "  build:\n",
      "    commands:\n",
      "      - ",
      "echo",
      " a: b",
      "\n",
      "\t",
      "*x",
      "&x ",
      "!t ",
      "|\n",
      ">\n",
      "'",
      '"',
      "[",
      "{",
      "}",
      "]",
      "<<: ",
      "$(",
      "`",
      "if ",
      "then",
      "<<EOF",
      "#",
      "---\n",
      "? ",
      "~",
      "\r\n",
      "%",
      "é",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join("");
        for (const { line, column } of lintBuildspec(text)) {
          expect(line).toBeGreaterThan(0);
          expect(line).toBeLessThanOrEqual(text.split("\n").length);
          expect(column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a small file cannot be made huge by aliases", () => {
    const levels = Array.from(
      { length: 30 },
      (_, level) => `x${level + 1}: &x${level + 1} [${`*x${level},`.repeat(10)}]`,
    );
    expect(lintBuildspec(`version: 0.2\nx0: &x0 [a]\n${levels.join("\n")}\n`)).toEqual([]);
  });
});

import { formatFinding } from "../../core/buildspec/finding";
import { lintBuildspec } from "../../core/buildspec/lint";

/** A buildspec with these entries, one a line; a phase without entries is left out. */
function phases(entries: Readonly<Record<string, string>>): string {
  const written = Object.entries(entries).map(
    ([phase, lines]) => `  ${phase}:\n    commands:\n${lines.replace(/^/gm, "      ")}\n`,
  );
  return `version: 0.2\nenv: { shell: bash }\nphases:\n${written.join("")}`;
}

function lint(text: string): string[] {
  return lintBuildspec(text).map((finding) => formatFinding("b.yml", finding));
}

const PUSH = "- docker push $R:$TAG";

test("a push in post_build is told what it ignores, and what to do", () => {
  expect(lint(phases({ build: "- docker build -t $R:$TAG .", post_build: `- echo Push...\n${PUSH}` }))).toEqual([
    "b.yml:10:9 warning push-after-failure: post_build runs after a failed build phase, too, and this pushes what is there then; " +
      "ask first, or set on-failure: ABORT in the build phase\n" +
      "    - test \"$CODEBUILD_BUILD_SUCCEEDING\" = 1\n    - 'docker push $R:$TAG'",
  ]);
});

test.each([
  ["as root", "- sudo docker image push $R:$TAG"],
  ["in a loop", "- for TAG in a b; do docker push $R:$TAG; done"],
  ["all tags", "- docker push --all-tags $R"],
  ["images of a composition", "- docker compose push"],
  ["images of a composition, as it was once called", "- docker-compose push"],
  ["what buildx makes and pushes", "- docker buildx build --push -t x ."],
  ["what podman pushes", "- podman push x y"],
  ["what skopeo copies", "- skopeo copy a b"],
])("%s", (_, push) => {
  expect(lintBuildspec(phases({ build: "- make image", post_build: push }))).toMatchObject([
    { rule: "push-after-failure", severity: "warning" },
  ]);
});

describe("who asks, is asked no more", () => {
  const build = "- docker build -t $R:$TAG .\n- npm test";

  test.each([
    '- test "$CODEBUILD_BUILD_SUCCEEDING" = 1',
    "- '[ \"$CODEBUILD_BUILD_SUCCEEDING\" -eq 1 ] || exit 1'",
    '- if [ "${CODEBUILD_BUILD_SUCCEEDING}" = 0 ]; then exit 1; fi',
    "- if [ $CODEBUILD_BUILD_SUCCEEDING -ne 1 ]; then echo no; exit 1; fi",
    '- bash -c "if [ /"$CODEBUILD_BUILD_SUCCEEDING/" == /"0/" ]; then exit 1; fi"',
    '- "[[ $CODEBUILD_BUILD_SUCCEEDING == 1 ]]"',
    "- if [ $CODEBUILD_BUILD_SUCCEEDING = 0 ]; then false; fi",
    "- OK=$CODEBUILD_BUILD_SUCCEEDING\n- test $OK = 1",
    "- if [ $CODEBUILD_BUILD_SUCCEEDING = 0 ]; then STATUS=failed; fi",
  ])("%s", (guard) => {
    expect(lint(phases({ build, post_build: `${guard}\n${PUSH}` }))).toEqual([]);
  });

  test.each([
    "- if [ $CODEBUILD_BUILD_SUCCEEDING -eq 1 ]; then docker push $R:$TAG; fi",
    "- test $CODEBUILD_BUILD_SUCCEEDING = 1 && docker push $R:$TAG",
    "- |\n  if [ $CODEBUILD_BUILD_SUCCEEDING = 0 ]; then exit 0; fi\n  docker push $R:$TAG",
  ])("%s", (entry) => {
    expect(lint(phases({ build, post_build: entry }))).toEqual([]);
  });

  test("a program that an earlier phase has written", () => {
    const install = "- echo 'test $CODEBUILD_BUILD_SUCCEEDING = 1' > /usr/bin/ok";
    expect(lint(phases({ install, build, post_build: "- ok && docker push $R:$TAG" }))).toEqual([]);
  });

  test("the build phase aborts", () => {
    const text = phases({ build, post_build: PUSH });
    expect(lint(text.replace("  build:\n", "  build:\n    on-failure: ABORT\n"))).toEqual([]);
    expect(lint(text.replace("  build:\n", "  build:\n    on-failure: CONTINUE\n"))).toHaveLength(1);
  });

  test("there is no build phase, or no push", () => {
    expect(lint(phases({ pre_build: build, post_build: PUSH }))).toEqual([]);
    expect(lint(phases({ build: `${build}\n${PUSH}` }))).toEqual([]);
    expect(lint(phases({ build, post_build: "- git push\n- echo docker push\n- docker push --help" }))).toEqual([]);
  });

  test.each(["- echo $CODEBUILD_BUILD_SUCCEEDING", "- printf 'succeeding %s' $CODEBUILD_BUILD_SUCCEEDING"])(
    "%s is no question",
    (entry) => {
      expect(lint(phases({ build, post_build: `${entry}\n${PUSH}` }))).toHaveLength(1);
    },
  );

  test("too late", () => {
    expect(lint(phases({ build, post_build: `${PUSH}\n- test $CODEBUILD_BUILD_SUCCEEDING = 1` }))).toHaveLength(1);
  });

  test.each([
    '- if [ "$CODEBUILD_BUILD_SUCCEEDING" != 1 ]; then exit 0; fi',
    "- test $CODEBUILD_BUILD_SUCCEEDING = 1 || exit 0",
    "- if [ $CODEBUILD_BUILD_SUCCEEDING = 0 ]; then echo failed; fi",
  ])("%s keeps nothing from running but itself", (entry) => {
    expect(lintBuildspec(phases({ build, post_build: `${entry}\n${PUSH}` }))).toMatchObject([
      {
        message:
          "post_build runs after a failed build phase, too, and this pushes what is there then; " +
          "the look at CODEBUILD_BUILD_SUCCEEDING in line 10 ends that entry alone, exit 1 ends the phase",
      },
    ]);
  });

  test("finally runs after a phase that has stopped itself", () => {
    const guarded = phases({ build, post_build: "- test $CODEBUILD_BUILD_SUCCEEDING = 1" });
    expect(lint(`${guarded}    finally:\n      ${PUSH}\n`)).toHaveLength(1);
  });
});

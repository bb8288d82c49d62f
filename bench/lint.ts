import { parseDocument } from "yaml";
import { lintBuildspec } from "../core/buildspec/lint";
import { parseOptions, UsageError } from "../core/usage";

const BUILDSPECS = 1000;
const TARGET_SECONDS = 5;
const TARGET_RATIO = 3;
const MIN_ROUNDS = 3;

export const help = `npm run bench -- lint [--rounds N]

Linting 1,000 different buildspecs against parsing them by yaml alone, in turn in one process; medians. The first round of each, which
compiles the code, counts.

  --rounds N  default 5, at least ${MIN_ROUNDS}
`;

export function run(args: readonly string[]): Promise<object> {
  const values = parseOptions(args, { rounds: { type: "string", default: "5" } });
  const rounds = Number(values.rounds);
  if (!(rounds >= MIN_ROUNDS)) throw new UsageError(`--rounds must be at least ${MIN_ROUNDS}, got: ${values.rounds}`);
  const texts = Array.from({ length: BUILDSPECS }, (_, index) => renderBuildspec(index));
  const samples = Array.from({ length: rounds }, (_, round) => measure(texts, round));
  return Promise.resolve(summarise(texts, samples));
}

interface Sample {
  readonly parseSeconds: number;
  readonly lintSeconds: number;
  readonly findings: number;
}

function measure(texts: readonly string[], round: number): Sample {
  let findings = 0;
  const parseSeconds = time(() => {
    for (const text of texts) parseDocument(text);
  });
  const lintSeconds = time(() => {
    for (const text of texts) findings += lintBuildspec(text).length;
  });
  console.error(`round ${round + 1}: yaml ${parseSeconds.toFixed(2)} s, lint ${lintSeconds.toFixed(2)} s`);
  return { parseSeconds, lintSeconds, findings };
}

function time(work: () => void): number {
  const began = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - began) / 1e9;
}

function summarise(texts: readonly string[], samples: readonly Sample[]): object {
  const parseSeconds = median(samples.map((sample) => sample.parseSeconds));
  const lintSeconds = median(samples.map((sample) => sample.lintSeconds));
  const ratio = median(samples.map((sample) => sample.lintSeconds / sample.parseSeconds));
  return {
    bench: "lint",
    rounds: samples.length,
    node: process.version,
    buildspecs: texts.length,
    megabytes: digits(texts.join("").length / 1e6, 2),
    findings: samples[0]?.findings,
    parseSeconds: digits(parseSeconds, 3),
    lintSeconds: digits(lintSeconds, 3),
    firstLintSeconds: digits(samples[0]?.lintSeconds ?? NaN, 3),
    ratio: digits(ratio, 2),
    targetSeconds: TARGET_SECONDS,
    targetRatio: TARGET_RATIO,
    met: Math.max(...samples.map((sample) => sample.lintSeconds)) < TARGET_SECONDS && ratio <= TARGET_RATIO,
  };
}

/** What people write: a docker build, a script in a block, tests with reports; every third has a trap. No two texts are the same. */
function renderBuildspec(index: number): string {
  return `version: 0.2

env:
  variables:
    SERVICE_NAME: service-${index}
    LOG_LEVEL: "info"
  parameter-store:
    TOKEN: /service-${index}/token

phases:
  install:
    runtime-versions:
      nodejs: 22
    commands:
      - npm ci --prefix packages/service-${index}
      - echo Entered the install phase of service-${index}...
  pre_build:
    commands:
      - IMAGE_REPO_NAME=team/\${SERVICE_NAME}
      - ECR_HOST=$ACCOUNT.dkr.ecr.$AWS_DEFAULT_REGION.$SUFFIX
      - aws ecr get-login-password --region $AWS_DEFAULT_REGION | docker login --username AWS --password-stdin "$ECR_HOST"
      - COMMIT_HASH=$(echo $CODEBUILD_RESOLVED_SOURCE_VERSION | cut -c 1-7)
      - IMAGE_TAG=\${COMMIT_HASH:=build-${index}}
      ${index % 3 === 0 ? `- DOCKER_IMAGE=$(docker images --format "{{.Repository}}" | grep "^service-${index}" | head -n 1)` : `- echo "no trap in ${index}"`}
  build:
    commands:
      - echo Build ${index} started on \`date\`
      - |
        ATTEMPTS=0
        while true; do
          if docker build --tag "$IMAGE_REPO_NAME:$IMAGE_TAG" services/${index}; then
            break
          fi
          ATTEMPTS=$((ATTEMPTS + 1))
          if [ "$ATTEMPTS" -ge ${(index % 5) + 2} ]; then
            echo "service-${index} does not build after $ATTEMPTS attempts" >&2
            exit 1
          fi
          sleep 5
        done
      - docker tag "$IMAGE_REPO_NAME:$IMAGE_TAG" "$ECR_HOST/$IMAGE_REPO_NAME:$IMAGE_TAG"
      - npm test --prefix packages/service-${index} -- --reporters=default --reporters=jest-junit
  post_build:
    commands:
      - test "$CODEBUILD_BUILD_SUCCEEDING" = 1
      - docker push "$ECR_HOST/$IMAGE_REPO_NAME:$IMAGE_TAG"
      - printf '[{"name":"service-${index}","imageUri":"%s"}]' "$ECR_HOST/$IMAGE_REPO_NAME:$IMAGE_TAG" > imagedefinitions.json

reports:
  service-${index}:
    files:
      - "**/junit.xml"
    file-format: JUNITXML

artifacts:
  files:
    - imagedefinitions.json

cache:
  paths:
    - /var/cache/npm/**/*
`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

function digits(value: number, places: number): number {
  return Number(value.toFixed(places));
}

import type { Finding } from "./findings";
import * as limits from "./limits";
import type { Draft } from "./resolve";

interface Written {
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly movingTags?: readonly string[] | undefined;
  readonly mountFrom?: readonly string[] | undefined;
}

/** Variables of builds whose values CodeBuild refuses for their length, as far as anyone can tell. */
export function warnVariables({ written, places }: Draft): Finding[] {
  return [
    ...warn(["defaults"], written.defaults),
    ...written.services.flatMap((service, index) =>
      typeof service === "string" ? [] : warn(["services", places[index] ?? index], service),
    ),
  ];
}

function warn(path: Finding["path"], { environment = {}, movingTags = [], mountFrom = [] }: Written): Finding[] {
  const check = (option: Finding["path"], { length }: string): Finding[] => {
    const rule = `makes a variable of builds of ${length} characters, and CodeBuild has refused more than ${limits.VARIABLE}: name less, or have the build read it from elsewhere`;
    return length > limits.VARIABLE ? [{ path: [...path, ...option], rule }] : [];
  };
  return [
    ...Object.entries(environment).flatMap(([name, value]) => check(["environment", name], value)),
    ...check(["movingTags"], movingTags.join(" ")),
    ...check(["mountFrom"], mountFrom.join(" ")),
  ];
}

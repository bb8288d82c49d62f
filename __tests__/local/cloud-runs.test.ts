import { PassThrough } from "node:stream";
import { LeftBehindError, proveRuns, type CloudStack } from "../../local/cloud-runs";
import { Steps } from "../../local/steps";

/** Remote runs that go well, but for what is given; and what was asked for, in turn. */
function stack(terraform: Partial<CloudStack["terraform"]> = {}): CloudStack & { readonly asked: string[] } {
  const asked: string[] = [];
  const answer = <T>(what: string, value: T) => {
    asked.push(what);
    return Promise.resolve(value);
  };
  const applied = ["Apply complete! Resources: 29 added, 0 changed, 0 destroyed."];
  applied.push("Apply complete! Resources: 4 added, 2 changed, 0 destroyed.");
  const planned = ["Plan: 29 to add, 0 to change, 0 to destroy.", "No changes. Your infrastructure matches."];
  return {
    asked,
    workspace: "cloud-0123abcd",
    synthesise: (services) => answer(`synth ${services.join()}`, undefined),
    terraform: {
      init: () => answer("init", undefined),
      planRemotely: () => answer("plan", planned.shift() ?? ""),
      applyRemotely: () => answer("apply", applied.shift() ?? ""),
      output: () => answer("output", { repository_urls: { api: "", web: "" } }),
      destroy: () => answer("destroy", undefined),
      ...terraform,
    },
  };
}

const quiet = () => new Steps(undefined, new PassThrough() as unknown as NodeJS.WriteStream);

test("plan, apply, a change, outputs, a plan without changes and destroy are asked for in turn", async () => {
  const all = stack();
  await proveRuns(quiet(), all);
  const change = ["synth api,web", "apply", "output", "plan"];
  expect(all.asked).toStrictEqual(["init", "plan", "apply", ...change, "destroy"]);
});

const ended = (summary: string) => () => Promise.resolve(summary);

test.each<[string, Partial<CloudStack["terraform"]>, string]>([
  [
    "a first plan that changes something",
    { planRemotely: ended("Plan: 28 to add, 1 to change, 0 to destroy.") },
    String.raw`the run ended with "Plan: 28 to add, 1 to change, 0 to destroy.", expected /^Plan: \d+ to add, 0 to change, 0 to destroy\.$/`,
  ],
  [
    "a change that does not arrive",
    { applyRemotely: ended("Apply complete! Resources: 29 added, 0 changed, 0 destroyed.") },
    String.raw`the run ended with "Apply complete! Resources: 29 added, 0 changed, 0 destroyed.", expected /^Apply complete! Resources: \d+ added, [1-9]\d* changed, 0 destroyed\.$/`,
  ],
  [
    "a service that is not among the outputs",
    { output: () => Promise.resolve({ repository_urls: { api: "" } }) },
    "repository_urls: found api, expected api,web",
  ],
])("%s ends it, after everything was destroyed", async (_, terraform, message) => {
  const all = stack(terraform);
  await expect(proveRuns(quiet(), all)).rejects.toThrow(new Error(message));
  expect(all.asked.at(-1)).toBe("destroy");
});

const failing = (message: string) => () => Promise.reject(new Error(message));

test.each<[string, Partial<CloudStack["terraform"]>, string]>([
  ["destroy", { destroy: failing("no rights to destroy") }, "no rights to destroy"],
  ["apply and destroy", { applyRemotely: failing("no rights"), destroy: failing("none to destroy") }, "no rights"],
])("where %s failed, what failed first is told, and that the workspace is kept", async (_, terraform, first) => {
  const error: unknown = await proveRuns(quiet(), stack(terraform)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(LeftBehindError);
  expect((error as Error).message).toBe(
    `${first}\n\nWhat was made may still be there, for destroy failed: the workspace cloud-0123abcd is kept with its state; start a run that destroys there, then delete it`,
  );
});

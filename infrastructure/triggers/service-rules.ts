import { CloudwatchEventRule } from "@cdktf/provider-aws/lib/cloudwatch-event-rule";
import { CloudwatchEventTarget } from "@cdktf/provider-aws/lib/cloudwatch-event-target";
import type { SqsQueue } from "@cdktf/provider-aws/lib/sqs-queue";
import { Construct } from "constructs";
import { servicePattern } from "../../config/event-pattern";
import { names } from "../../config/names";
import { literal, trustPolicy } from "../policies";
import type { Role } from "../role";
import type { Service } from "../service";
import { mayStartBuilds } from "../start-build-function";
import { startBuildRole } from "../start-build-role";
import { deadLetterQueue } from "./dead-letters";
import { busOf, RETRY_POLICY, ruleArn } from "./rules";
import { maySend } from "./sqs";
import type { TriggerProps } from "./trigger";

/**
 * Where an event holds what the build must know, by the name of its variable. Never anything that the sender chooses: EventBridge puts it
 * into JSON as it is.
 */
export type EventPaths = Readonly<Record<string, string>>;

/**
 * Rules that start builds themselves, without queue and function: one for each service, for its exact key. Its id is that of the function
 * in other triggers, whose role has the same name: changing the trigger changes the role, and makes no second one while the first is there.
 */
export class ServiceRules extends Construct {
  readonly deadLetters: SqsQueue;
  /** A rule without its target forgets what it matches. */
  readonly targets: CloudwatchEventTarget[] = [];
  readonly #props: TriggerProps;
  readonly #role: Role;
  readonly #services: Construct;

  constructor(scope: Construct, id: string, props: TriggerProps) {
    super(scope, id);
    const { config, surroundings } = props;
    const name = names(config.name);
    const principal = surroundings.principal("events");
    const rules = { ArnLike: { "aws:SourceArn": ruleArn(config.trigger, name.serviceRule("*"), surroundings) } };
    this.#props = props;
    this.deadLetters = deadLetterQueue(scope, {
      ...props,
      senders: [
        maySend({
          Sid: "KeepFromRules",
          principal,
          queueArn: surroundings.arn("sqs", name.deadLetterQueue),
          condition: rules,
        }),
      ],
    });
    // https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
    this.#role = startBuildRole(this, {
      config,
      surroundings,
      trust: trustPolicy(principal, { ...rules, StringEquals: { "aws:SourceAccount": surroundings.account } }),
      statements: [mayStartBuilds(config.name, surroundings)],
    });
    this.#services = new Construct(this, "services");
  }

  add({ config: service, project }: Service, paths: EventPaths): void {
    const { config } = this.#props;
    const name = names(config.name).serviceRule(service.name);
    const scope = new Construct(this.#services, service.name);
    const rule = new CloudwatchEventRule(scope, "rule", {
      name,
      eventBusName: busOf(config.trigger),
      description: `Starts the builds of ${service.name}, a service of pipeline ${config.name}`,
      eventPattern: literal(servicePattern(config, service)),
    });
    const target = new CloudwatchEventTarget(scope, "target", {
      rule: rule.name,
      eventBusName: busOf(config.trigger),
      targetId: "build",
      arn: project.arn,
      roleArn: this.#role.arn,
      inputTransformer: {
        inputPaths: paths,
        inputTemplate: renderStartBuild({ DROP_BUCKET: config.bucket.name, DROP_KEY: service.key }, Object.keys(paths)),
      },
      retryPolicy: RETRY_POLICY,
      deadLetterConfig: { arn: this.deadLetters.arn },
      // What is refused for want of a permission is not tried again.
      dependsOn: [...this.#role.permissions],
    });
    this.targets.push(target);
  }
}

/**
 * What StartBuild is called with, beside the project: constants, and placeholders that EventBridge fills in.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 */
function renderStartBuild(constants: Readonly<Record<string, string>>, placeholders: readonly string[]): string {
  const values = [
    ...Object.entries(constants).map(([name, value]) => [name, withoutPlaceholders(JSON.stringify(value))] as const),
    ...placeholders.map((name) => [name, `"<${name}>"`] as const),
  ];
  const variables = values.map(([name, value]) => `{"name":"${name}","value":${value},"type":"PLAINTEXT"}`);
  return literal(`{"environmentVariablesOverride":[${variables.join(",")}]}`);
}

/** EventBridge takes whatever stands between < and > for a placeholder, and JSON has another spelling for both. */
function withoutPlaceholders(json: string): string {
  return json.replaceAll("<", "\\u003c").replaceAll(">", "\\u003e");
}

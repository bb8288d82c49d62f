import {
  DescribeRepositoriesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  ImageAlreadyExistsException,
  PutImageCommand,
  RepositoryNotFoundException,
} from "@aws-sdk/client-ecr";
import type { RegistryHost } from "./hosts";

/** A repository as the ECR API describes it at this moment. */
export interface Repository {
  readonly name: string;
  /** Tells a repository from an earlier one of the same name. */
  readonly createdAt: Date;
  isImmutable(tag: string): boolean;
}

interface Image {
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string;
  readonly manifest: string;
  readonly mediaType: string;
}

/** The ECR API of one account in one region: repositories, their settings, tokens. */
export interface ControlPlane {
  repository(name: string): Promise<Repository | undefined>;
  /** Whether these are Basic credentials, base64, that the API hands out. */
  accepts(credentials: string): Promise<boolean>;
  /** Records a pushed image, so that DescribeImages knows it. */
  putImage(image: Image): Promise<void>;
}

/**
 * The control planes behind an AWS endpoint. The emulator takes the account from a header of its own, so that the
 * host name alone decides whose registry it is.
 */
export function controlPlanes(endpoint: string): { of(host: RegistryHost): ControlPlane; close(): void } {
  const clients = new Map<string, ECRClient>();
  const planes = new Map<string, ControlPlane>();
  const of = (host: RegistryHost): ControlPlane => {
    const key = `${host.account}/${host.region}`;
    const known = planes.get(key);
    if (known) return known;
    const client = new ECRClient({
      endpoint,
      region: host.region,
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 2,
    });
    client.middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers["x-moto-account-id"] = host.account;
        return next(args);
      },
      { step: "build", name: "account" },
    );
    const plane = controlPlane(client, host);
    clients.set(key, client);
    planes.set(key, plane);
    return plane;
  };
  return {
    of,
    close: () => {
      for (const client of clients.values()) client.destroy();
    },
  };
}

function controlPlane(client: ECRClient, host: RegistryHost): ControlPlane {
  // A token stays good after the next one is handed out: https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
  const issued = new Set<string>();
  return {
    repository: async (name) => {
      try {
        const command = new DescribeRepositoriesCommand({ registryId: host.account, repositoryNames: [name] });
        const [found] = (await client.send(command)).repositories ?? [];
        if (!found) return undefined;
        const excluded = (found.imageTagMutabilityExclusionFilters ?? []).map(({ filter }) => filter ?? "");
        const setting = found.imageTagMutability ?? "MUTABLE";
        return {
          name,
          createdAt: found.createdAt ?? new Date(0),
          isImmutable: (tag) => isImmutable(setting, excluded, tag),
        };
      } catch (error) {
        if (error instanceof RepositoryNotFoundException) return undefined;
        throw error;
      }
    },
    accepts: async (credentials) => {
      if (issued.has(credentials)) return true;
      const answer = await client.send(new GetAuthorizationTokenCommand({}));
      for (const { authorizationToken } of answer.authorizationData ?? []) issued.add(authorizationToken ?? "");
      return issued.has(credentials);
    },
    putImage: async (image) => {
      try {
        await client.send(
          new PutImageCommand({
            registryId: host.account,
            repositoryName: image.repository,
            imageTag: image.tag,
            imageDigest: image.digest,
            imageManifest: image.manifest,
            imageManifestMediaType: image.mediaType,
          }),
        );
      } catch (error) {
        // The API refuses what the docker protocol allows in a mutable repository: the same image under the same tag.
        if (!(error instanceof ImageAlreadyExistsException)) throw error;
      }
    },
  };
}

/**
 * Whether a tag that exists may not move.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
 */
function isImmutable(setting: string, excluded: readonly string[], tag: string): boolean {
  const isExcluded = excluded.some((filter) => wildcard(filter).test(tag));
  switch (setting) {
    case "IMMUTABLE":
      return true;
    case "IMMUTABLE_WITH_EXCLUSION":
      return !isExcluded;
    case "MUTABLE_WITH_EXCLUSION":
      return isExcluded;
    default:
      return false;
  }
}

function wildcard(filter: string): RegExp {
  const literals = filter.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literals.join(".*")}$`);
}

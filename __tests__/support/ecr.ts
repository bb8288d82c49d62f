import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface FakeRepository {
  readonly registryId: string;
  readonly region: string;
  readonly repositoryName: string;
  /** In seconds since 1970, another one for every repository. */
  readonly createdAt: number;
  imageTagMutability: string;
  imageTagMutabilityExclusionFilters: { filterType: "WILDCARD"; filter: string }[];
  /** What PutImage was told, oldest first. */
  readonly images: {
    readonly imageTag?: string;
    readonly imageDigest: string;
    readonly imageManifestMediaType: string;
  }[];
}

export interface FakeEcr {
  /** For `startRegistry({ endpoint })` and AWS_ENDPOINT_URL_ECR. */
  readonly endpoint: string;
  createRepository(name: string, options?: { account?: string; region?: string; mutability?: string }): FakeRepository;
  deleteAll(): void;
  /** The value of `Authorization: Basic`, base64 of `AWS:<password>`. */
  token(account?: string): string;
  close(): Promise<void>;
}

export const ACCOUNT = "123456789012";
export const REGION = "us-east-1";
export const REGISTRY_HOST = `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com`;

/** The part of the ECR API that a registry needs, in the JSON 1.1 protocol; tokens are the emulator's. */
export async function startEcr(): Promise<FakeEcr> {
  const repositories: FakeRepository[] = [];
  let seconds = 1_700_000_000;
  const token = (account = ACCOUNT): string => Buffer.from(`AWS:${account}-auth-token`).toString("base64");

  const operations: Record<string, (input: Input, account: string, region: string) => unknown> = {
    GetAuthorizationToken: (_input, account) => ({ authorizationData: [{ authorizationToken: token(account) }] }),
    DescribeRepositories: (input, account, region) => ({
      repositories: (input.repositoryNames ?? []).map((name) => find(name, account, region)),
    }),
    PutImageTagMutability: (input, account, region) => {
      find(input.repositoryName, account, region).imageTagMutability = input.imageTagMutability ?? "MUTABLE";
      return {};
    },
    PutImage: (input, account, region) => {
      const repository = find(input.repositoryName, account, region);
      const { imageTag, imageDigest = "", imageManifestMediaType = "" } = input;
      const known = repository.images.findLast((image) => image.imageTag === imageTag);
      if (known?.imageDigest === imageDigest) throw new ApiError("ImageAlreadyExistsException", imageDigest);
      repository.images.push({ ...(imageTag === undefined ? {} : { imageTag }), imageDigest, imageManifestMediaType });
      return {};
    },
  };

  const find = (name = "", account: string, region: string): FakeRepository => {
    const found = repositories.find(
      (one) => one.repositoryName === name && one.registryId === account && one.region === region,
    );
    if (found) return found;
    throw new ApiError("RepositoryNotFoundException", `The repository with name '${name}' does not exist`);
  };

  const server = createServer((request, response) => {
    void (async () => {
      let status = 200;
      let answer: unknown;
      try {
        const region = /Credential=[^/]+\/[0-9]+\/([^/]+)\/ecr\//.exec(request.headers.authorization ?? "")?.[1] ?? "";
        const operation = String(request.headers["x-amz-target"]).split(".").at(-1) ?? "";
        const account = String(request.headers["x-moto-account-id"] ?? ACCOUNT);
        answer = operations[operation]?.(JSON.parse(await text(request)) as Input, account, region);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        status = 400;
        answer = { __type: error.code, message: error.message };
      }
      response.writeHead(status, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(answer));
    })();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    createRepository: (name, { account = ACCOUNT, region = REGION, mutability = "MUTABLE" } = {}) => {
      const repository: FakeRepository = {
        registryId: account,
        region,
        repositoryName: name,
        createdAt: ++seconds,
        imageTagMutability: mutability,
        imageTagMutabilityExclusionFilters: [],
        images: [],
      };
      repositories.push(repository);
      return repository;
    },
    deleteAll: () => {
      repositories.length = 0;
    },
    token,
    close: () =>
      new Promise((done) => {
        server.close(() => {
          done();
        });
        server.closeAllConnections();
      }),
  };
}

interface Input {
  readonly repositoryNames?: string[];
  readonly repositoryName?: string;
  readonly imageTag?: string;
  readonly imageDigest?: string;
  readonly imageManifestMediaType?: string;
  readonly imageTagMutability?: string;
}

class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

async function text(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}

/** One address of the OCI distribution API: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints */
export type Route =
  | { readonly kind: "base" }
  | { readonly kind: "uploads"; readonly repository: string }
  | { readonly kind: "upload"; readonly repository: string; readonly id: string }
  | { readonly kind: "blob"; readonly repository: string; readonly digest: string }
  | { readonly kind: "manifest"; readonly repository: string; readonly reference: string }
  | { readonly kind: "tags"; readonly repository: string };

export type RepositoryRoute = Exclude<Route, { readonly kind: "base" }>;

const NAME = "(?<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)";
const REFERENCE = "(?<reference>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|sha256:[0-9a-f]{64})";
const DIGEST = "(?<digest>sha256:[0-9a-f]{64})";
const UPLOADS = new RegExp(`^/v2/${NAME}/blobs/uploads/?$`);
const UPLOAD = new RegExp(`^/v2/${NAME}/blobs/uploads/(?<id>[A-Za-z0-9-]+)$`);
const BLOB = new RegExp(`^/v2/${NAME}/blobs/${DIGEST}$`);
const MANIFEST = new RegExp(`^/v2/${NAME}/manifests/${REFERENCE}$`);
const TAGS = new RegExp(`^/v2/${NAME}/tags/list$`);

export function parseRoute(path: string): Route | undefined {
  if (path === "/v2" || path === "/v2/") return { kind: "base" };
  const uploads = UPLOADS.exec(path)?.groups;
  if (uploads?.repository) return { kind: "uploads", repository: uploads.repository };
  const upload = UPLOAD.exec(path)?.groups;
  if (upload?.repository && upload.id) return { kind: "upload", repository: upload.repository, id: upload.id };
  const blob = BLOB.exec(path)?.groups;
  if (blob?.repository && blob.digest) return { kind: "blob", repository: blob.repository, digest: blob.digest };
  const manifest = MANIFEST.exec(path)?.groups;
  if (manifest?.repository && manifest.reference) {
    return { kind: "manifest", repository: manifest.repository, reference: manifest.reference };
  }
  const tags = TAGS.exec(path)?.groups;
  if (tags?.repository) return { kind: "tags", repository: tags.repository };
  return undefined;
}

export function renderRoute(route: RepositoryRoute): string {
  const base = `/v2/${route.repository}`;
  switch (route.kind) {
    case "uploads":
      return `${base}/blobs/uploads/`;
    case "upload":
      return `${base}/blobs/uploads/${route.id}`;
    case "blob":
      return `${base}/blobs/${route.digest}`;
    case "manifest":
      return `${base}/manifests/${route.reference}`;
    case "tags":
      return `${base}/tags/list`;
  }
}

export function isDigest(reference: string): boolean {
  return reference.startsWith("sha256:");
}

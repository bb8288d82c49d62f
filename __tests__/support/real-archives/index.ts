import { buildah } from "./buildah";
import { containerd } from "./containerd";
import { docker } from "./docker";
import { podman } from "./podman";
import { skopeo } from "./skopeo";
import type { RealTool } from "./types";

export type { RealArchive, RealImage, RealTool } from "./types";

/**
 * The tools that write image archives, each with all forms that it knows. They run as root, without a network, with storages of their own;
 * whether they are there is for the caller to ask (`requires`).
 */
export const REAL_TOOLS: readonly RealTool[] = [docker, containerd, podman, buildah, skopeo];

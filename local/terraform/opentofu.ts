import { mkdir, rm, stat, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Mirror, type Provider, REGISTRY_HOST } from "./mirrors";

/** The registry that OpenTofu takes `hashicorp/aws` from. https://opentofu.org/docs/language/providers/requirements/#source-addresses */
export const OPENTOFU_REGISTRY = "registry.opentofu.org";

/**
 * Lets OpenTofu install from a mirror that was made for Terraform: the same provider under the name of OpenTofu's registry, by links to
 * where it lies.
 * @param directory to make the mirror in; made where it is not there.
 */
export function openTofuMirror(
  directory: string,
  platform: string,
): (provider: Provider, mirror: Mirror) => Promise<Mirror> {
  return async (provider, { path, versions }) => {
    const source = join(path, REGISTRY_HOST, provider);
    const target = join(directory, OPENTOFU_REGISTRY, provider);
    for (const version of versions) {
      // Links are followed at the ends only: the folders that lead there must be real ones.
      const unpacked = join(version, platform);
      const packed = `terraform-provider-${basename(provider)}_${version}_${platform}.zip`;
      const end = (await isThere(join(source, unpacked))) ? unpacked : packed;
      await mkdir(dirname(join(target, end)), { recursive: true });
      await rm(join(target, end), { force: true });
      await symlink(join(source, end), join(target, end));
    }
    return { path: directory, versions };
  };
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

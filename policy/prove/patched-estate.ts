import type { Estate } from "../estate.ts";
import { FILE_NAMES } from "../files.ts";
import { type FileText, loadEstate } from "../load.ts";
import { applyPatch } from "./patch.ts";
import type { PatchOperation } from "./proof.ts";

/**
 * The estate that its files declare once they are patched.
 * @throws HarnessError, HarnessErrors or TypeError where the patched files declare none
 */
export function patchedEstate(estate: Estate, patch: readonly PatchOperation[]): Estate {
  const texts = new Map(
    estate.files.map((file): [string, FileText] => {
      const own = patch.filter((operation) => operation.file === file.name);
      return [file.name, { ...file, text: applyPatch(file.text, own) }];
    }),
  );
  const [host, lxc, vm, stacks] = [FILE_NAMES.host, FILE_NAMES.lxc, FILE_NAMES.vm, FILE_NAMES.stacks].map(
    (name) => texts.get(name),
  );
  if (!host || !lxc || !vm) throw new TypeError("an estate without one of its files");
  return loadEstate(estate.folder, { host, lxc, vm, ...(stacks && { stacks }) });
}

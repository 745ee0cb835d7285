import type { Estate } from "../estate.ts";
import { FILE_NAMES } from "../files.ts";
import { type FileText, type FileTexts, loadEstate } from "../load.ts";
import { applyPatch } from "./patch.ts";
import type { PatchOperation } from "./proof.ts";

/** An estate's files with a patch of any of them applied. */
export function patchedTexts(texts: FileTexts, patch: readonly PatchOperation[]): FileTexts {
  const change = (file: FileText): FileText => {
    const own = patch.filter((operation) => operation.file === file.name);
    return { ...file, text: applyPatch(file.text, own) };
  };
  const { host, lxc, vm, stacks } = texts;
  return { host: change(host), lxc: change(lxc), vm: change(vm), ...(stacks && { stacks: change(stacks) }) };
}

/**
 * The estate that its files declare once they are patched; the servers' own files beside them stay as they are.
 * @throws HarnessError, HarnessErrors or TypeError where the patched files declare none
 */
export function patchedEstate({ folder, files, operator }: Estate, patch: readonly PatchOperation[]): Estate {
  const text = (name: string): FileText => {
    const file = files.find((each) => each.name === name);
    if (!file) throw new TypeError(`an estate without ${name}`);
    return file;
  };
  const texts = { host: text(FILE_NAMES.host), lxc: text(FILE_NAMES.lxc), vm: text(FILE_NAMES.vm) };
  const hasStacks = files.some(({ name }) => name === FILE_NAMES.stacks);
  const all: FileTexts = hasStacks ? { ...texts, stacks: text(FILE_NAMES.stacks) } : texts;
  return { ...loadEstate(folder, patchedTexts(all, patch)), ...(operator && { operator }) };
}

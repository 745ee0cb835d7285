import type { JSONPath } from "jsonc-parser";
import type { z } from "zod";
import { assembleEstate } from "./assemble.ts";
import type { Estate, SourceFile } from "./estate.ts";
import { errorOf, type Fault } from "./fault.ts";
import type { Declared, PhoenixFiles } from "./files.ts";
import { LxcFile, VmFile } from "./phoenix/guest.ts";
import { HostFile } from "./phoenix/host.ts";
import { StacksFile } from "./phoenix/stacks.ts";
import { isRefused, validate } from "./phoenix/validate.ts";
import { describePosition } from "./position.ts";
import { nodeAt, parseSource, positionOf, type Source } from "./source.ts";
import { type Budget, MOST_TOKENS } from "./syntax.ts";

/** A file as it was read: its text, and what identifies its bytes. */
export interface FileText extends Pick<SourceFile, "name" | "bytes" | "sha256"> {
  readonly text: string;
}

/** The texts of one estate. */
export type FileTexts = {
  readonly host: FileText;
  readonly lxc: FileText;
  readonly vm: FileText;
  readonly stacks?: FileText;
};

/**
 * What the files say, as one estate. Pure.
 * @throws HarnessError or HarnessErrors (exit 2) with every fault of every file; faults between the files, such as two
 * guests with one address, are looked for once each file is valid by itself.
 */
export function loadEstate(folder: string, texts: FileTexts): Estate {
  const files = declareFiles(texts);
  const declared = [files.host, files.lxc, files.vm, ...(files.stacks ? [files.stacks] : [])];
  const given = [texts.host, texts.lxc, texts.vm, ...(texts.stacks ? [texts.stacks] : [])];
  return {
    folder,
    files: given.map(({ name, bytes, sha256 }, index) => {
      return { name, bytes, sha256, text: declared[index]?.source.text ?? "" };
    }),
    secrets: declared.flatMap(({ source }) => source.secrets),
    ...assembleEstate(files),
  };
}

function declareFiles(texts: FileTexts): PhoenixFiles {
  const faults: Fault[] = [];
  const progress = { faults, budget: { tokens: MOST_TOKENS } };
  const host = declare(texts.host, HostFile, progress, firewallTwice);
  const lxc = declare(texts.lxc, LxcFile, progress, (source) => missingNetworks(source, ["lxc_configs"]));
  const vm = declare(texts.vm, VmFile, progress, (source) => missingNetworks(source, ["vms"]));
  const stacks = texts.stacks && declare(texts.stacks, StacksFile, progress);
  if (faults.length > 0 || !host || !lxc || !vm) throw errorOf(faults);
  return { host, lxc, vm, ...(stacks && { stacks }) };
}

/** What the files read so far have shown and used. */
interface Progress {
  readonly faults: Fault[];
  readonly budget: Budget;
}

/**
 * One file, parsed, validated and checked by itself; its faults are added, as many as can be told at once. Not read where
 * an earlier one was too much.
 */
function declare<S extends z.ZodType>(
  { name, text }: FileText,
  schema: S,
  { faults, budget }: Progress,
  check: (source: Source) => readonly Fault[] = () => [],
): Declared<z.infer<S>> | undefined {
  if (budget.tokens < 0) return undefined;
  const source = parseSource(name, text, budget);
  if (isRefused(source)) {
    for (const fault of source) faults.push(fault);
    return undefined;
  }
  const value = validate(source, schema);
  for (const fault of [...check(source), ...(isRefused(value) ? value : [])]) faults.push(fault);
  return isRefused(value) ? undefined : { source, value };
}

function firewallTwice(source: Source): Fault[] {
  const first = ["firewall"];
  const second = ["shared_volumes", "firewall"];
  if (!nodeAt(source, first) || !nodeAt(source, second)) return [];
  return [
    {
      code: "firewall-twice",
      position: positionOf(source, second),
      expected: "one global firewall, at /firewall or at /shared_volumes/firewall",
      actual: `both; the other is at ${describePosition(positionOf(source, first))}`,
    },
  ];
}

const NO_TEMPLATE = new Set<unknown>([false, 0, "0"]);

/** A guest that is no template has to say where it is; beside the schema, since a template need not. */
function missingNetworks(source: Source, path: JSONPath): Fault[] {
  const guests = nodeAt(source, path);
  return (guests?.children ?? []).flatMap((child, index) => {
    const key = guests?.type === "array" ? index : String(child.children?.[0]?.value);
    const guest = [...path, key];
    const isObject = nodeAt(source, guest)?.type === "object";
    const template: unknown = nodeAt(source, [...guest, "is_template"])?.value ?? false;
    if (!isObject || !NO_TEMPLATE.has(template) || nodeAt(source, [...guest, "network_config"])) return [];
    const position = positionOf(source, [...guest, "network_config"]);
    return [{ code: "json-type", position, expected: "an object with ip", actual: "nothing" } as const];
  });
}

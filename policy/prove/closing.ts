import type { Estate, Position } from "../estate.ts";
import type { Decider } from "../flow.ts";
import { describePosition } from "../position.ts";
import { patchedEstate } from "./patched-estate.ts";
import type { PatchOperation, Violation } from "./proof.ts";
import { proveServices } from "./prove.ts";
import { tooLong } from "./size.ts";

/** What keeps out what a line lets in: in words, and as a patch where the files can. */
export interface Closing {
  readonly remedy: string;
  readonly patch?: readonly PatchOperation[];
  /** Whether a patch would do was not tried. */
  readonly isUntried?: boolean;
}

/** As many guests are read anew for all patches that are tried; of a small estate that is this many patches. */
const MOST_GUESTS = 4000;
const MOST_TRIED = 64;

const TRIED = new WeakMap<Estate, Map<string, Closing>>();

/** For how many lines of an estate a patch is tried, each of which proves again what its services need. */
export function triedLines(estate: Estate): number {
  return tooLong(estate) === undefined
    ? Math.min(MOST_TRIED, Math.floor(MOST_GUESTS / estate.guests.length))
    : 0;
}

/** The closing of one place of the files: tried once, or without a patch where too many others were. */
function once(
  estate: Estate,
  { kind, position }: Pick<Extract<Decider, { position: Position }>, "kind" | "position">,
  remedy: string,
  find: () => Closing,
): Closing {
  const tried = TRIED.get(estate) ?? new Map<string, Closing>();
  TRIED.set(estate, tried);
  const at = `${kind} ${describePosition(position)}`;
  const known = tried.get(at);
  if (known) return known;
  if (tried.size >= triedLines(estate)) return { remedy, isUntried: true };
  const found = find();
  tried.set(at, found);
  return found;
}

const NARROW = "Narrow the rule to those who need it, or remove it.";

/** For one line that lets in too much: what the services need stays open, or no patch is offered. */
export function closingOf(estate: Estate, decider: Decider): Closing {
  switch (decider.kind) {
    case "rule":
      return once(estate, decider, NARROW, () => narrowed(estate, decider.position));
    case "policy": {
      const { file, pointer } = decider.position;
      const operation: PatchOperation = { file, op: "replace", path: pointer, value: "DROP" };
      const remedy = "Set the default policy to DROP.";
      return once(estate, decider, remedy, () => ({ remedy, ...mended(estate, operation) }));
    }
    case "unfiltered":
      return switchedOn(estate, decider.position);
    case "standing":
    case "builtin":
    case "gateway":
      return { remedy: "No file can stop it: keep it from the internet before it reaches the node." };
  }
}

/** Without the rule, where nothing needs it; else with those alone as its source who do. */
function narrowed(estate: Estate, { file, pointer }: Position): Closing {
  const removal: PatchOperation = { file, op: "remove", path: pointer };
  const broken = brokenBy(estate, [removal]);
  if (broken?.length === 0)
    return { remedy: "Remove the rule: nothing declared needs it.", patch: [removal] };
  const sources = [...new Set(broken?.flatMap(({ witness }) => witness?.source ?? []))].sort();
  const path = `${pointer}/source`;
  const narrowing: PatchOperation = { file, op: "add", path, value: sources.join(",") };
  if (sources.length === 0 || brokenBy(estate, [narrowing])?.length !== 0) return { remedy: NARROW };
  return { remedy: `Narrow the rule to ${sources.join(" and ")}: nobody else needs it.`, patch: [narrowing] };
}

/** Where a firewall is off, or a guest has none; with the rules that its services need. */
export function switchedOn(estate: Estate, position: Position): Closing {
  return once(estate, { kind: "unfiltered", position }, SWITCH_ON, () => switchOn(estate, position));
}

const SWITCH_ON = "Give it a firewall section that is enabled.";

function switchOn(estate: Estate, position: Position): Closing {
  const at = describePosition(position);
  const isAt = (each: Position | undefined) => each !== undefined && describePosition(each) === at;
  const firewall = [estate.host, ...estate.guests]
    .map((each) => each.firewall)
    .find((each) => isAt(each?.position) || isAt(each?.keys?.enabled));
  const { file, pointer } = firewall?.position ?? position;
  const operation: PatchOperation = firewall
    ? { file, op: "add", path: `${pointer}/enabled`, value: true }
    : { file, op: "add", path: `${pointer}/firewall`, value: { enabled: true, rules: [] } };
  const { patch } = mended(estate, operation);
  const more = patch && patch.length > 1 ? " The patch adds the rules that its services need." : "";
  return { remedy: `${SWITCH_ON}${more}`, ...(patch && { patch }) };
}

const MOST_MENDS = 16;

/** A change, and what mends each service that it would break. */
function mended(estate: Estate, change: PatchOperation): Pick<Closing, "patch"> {
  const patch = [change];
  for (let mends = 0; mends <= MOST_MENDS; mends++) {
    const broken = brokenBy(estate, patch);
    if (broken?.length === 0) return { patch };
    const [next] = broken?.flatMap((each) => (each.patch ? [each.patch] : [])) ?? [];
    if (!next) return {};
    patch.push(...next);
  }
  return {};
}

/** Violations of what services need that the patch brings; undefined where the patched files are no estate. */
function brokenBy(estate: Estate, patch: readonly PatchOperation[]): readonly Violation[] | undefined {
  const before = new Set(needsOf(estate).map(({ message }) => plain(message)));
  try {
    return needsOf(patchedEstate(estate, patch)).filter(({ message }) => !before.has(plain(message)));
  } catch {
    return undefined;
  }
}

const NEEDS = new WeakMap<Estate, readonly Violation[]>();

function needsOf(estate: Estate): readonly Violation[] {
  const known = NEEDS.get(estate) ?? proveServices(estate).flatMap(({ violations }) => violations);
  NEEDS.set(estate, known);
  return known;
}

/** A patch moves lines. */
function plain(message: string): string {
  return message.replaceAll(/:\d+:\d+( \/\S*)?/g, "");
}

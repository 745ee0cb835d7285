import type { Estate, Position } from "../estate.ts";
import type { Decider, Flow } from "../flow.ts";
import { describePosition } from "../position.ts";
import { acmeRuleFor, challengeRules } from "./challenge.ts";
import { scalarAt } from "./declaration.ts";
import type { Mending, PatchOperation } from "./proof.ts";
import { isBelow, mendingsOf } from "./files.ts";
import { SET_POLICY, SWITCH_ON } from "./remedy.ts";
import type { Broken, Trials } from "./trials.ts";

/** The first that ends a violation and breaks nothing. */
export function firstMending(trials: Trials, broken: Broken): Mending | undefined {
  for (const mending of choicesOf(trials, broken)) {
    const trial = trials.of(mending.patch);
    if (trial && trial.added.length === 0 && trials.ends(broken, trial)) return mending;
  }
  return undefined;
}

/** What may mend a violation, the best first: to be tried. */
export function* choicesOf(trials: Trials, { remedy, patch, instead, decider }: Broken): Generator<Mending> {
  if (patch) yield { remedy, patch };
  if (instead) yield instead;
  if (decider) yield* closingsOf(trials, decider);
}

/** What may keep out what a line lets in. */
function* closingsOf(trials: Trials, decider: Decider): Generator<Mending> {
  switch (decider.kind) {
    case "rule":
      yield* narrowings(trials, decider.position);
      return;
    case "policy": {
      const { file, pointer } = decider.position;
      const patch = withNeeds(trials, { file, op: "replace", path: pointer, value: "DROP" });
      if (patch) yield { remedy: SET_POLICY, patch };
      return;
    }
    case "unfiltered":
      yield* switchOn(trials, decider.position);
      return;
    case "standing":
    case "builtin":
    case "gateway":
  }
}

/** As a rule for Step-CA's validation has to be; else without the rule; else for those alone who need it. */
function* narrowings(trials: Trials, position: Position): Generator<Mending> {
  const { estate } = trials;
  const { file, pointer } = position;
  const at = describePosition(position);
  const challenge = challengeRules(estate).find(({ rule }) => describePosition(rule.position) === at);
  if (challenge) yield acmeRuleFor(estate, challenge);
  yield* estate.notes.flatMap((note) => (isBelow(note.position, position) ? mendingsOf(note) : []));
  const removal: PatchOperation = { file, op: "remove", path: pointer };
  yield { remedy: "Remove the rule: nothing declared needs it.", patch: [removal] };
  const needed = neededBy(trials, position, removal);
  if (needed.length === 0) return;
  const source = narrowerSource(estate, position, needed);
  const port = narrowerPort(estate, position, needed);
  for (const { words, patch } of [
    source,
    port,
    { words: [...source.words, ...port.words], patch: [...source.patch, ...port.patch] },
  ])
    if (patch.length > 0)
      yield { remedy: `Narrow the rule to ${words.join(" and ")}: nothing else is needed.`, patch };
}

const MOST_NEEDS = 8;

/** Flows that are stopped without the rule; and with it for the first of them alone, who else is. */
function neededBy(trials: Trials, position: Position, removal: PatchOperation): readonly Flow[] {
  const needed: Flow[] = [];
  let patch: readonly PatchOperation[] = [removal];
  for (let round = 0; round < MOST_NEEDS && patch.length > 0; round++) {
    const fresh = (trials.of(patch)?.added ?? []).flatMap(({ witness }) => witness ?? []);
    if (fresh.length === 0) break;
    needed.push(...fresh);
    ({ patch } = narrowerSource(trials.estate, position, needed));
  }
  return needed;
}

/** A rule with less in it, and what it is narrowed to; an empty patch where that is what it has. */
interface Narrowing {
  readonly words: readonly string[];
  readonly patch: readonly PatchOperation[];
}

/** The internet is no source that a rule could name. */
function narrowerSource(estate: Estate, { file, pointer }: Position, needed: readonly Flow[]): Narrowing {
  const path = `${pointer}/source`;
  const sources = [...new Set(needed.map(({ source }) => source))].sort();
  const isKnown =
    String(scalarAt(estate, file, path))
      .split(",")
      .sort()
      .join(",") === sources.join(",");
  if (isKnown || needed.some(({ from }) => from === "wan")) return { words: [], patch: [] };
  return { words: [sources.join(" and ")], patch: [{ file, op: "add", path, value: sources.join(",") }] };
}

function narrowerPort(estate: Estate, { file, pointer }: Position, needed: readonly Flow[]): Narrowing {
  const protos = [...new Set(needed.map(({ proto }) => String(proto)))];
  const ports = [...new Set(needed.flatMap(({ dport }) => dport ?? []))].sort((a, b) => a - b).join(",");
  const [proto] = protos;
  const path = `${pointer}/port`;
  if (proto === undefined || protos.length > 1 || ports === "") return { words: [], patch: [] };
  const isNamed = scalarAt(estate, file, `${pointer}/proto`) !== undefined;
  if (isNamed && String(scalarAt(estate, file, path)) === ports) return { words: [], patch: [] };
  const added: PatchOperation[] = [
    ...(isNamed ? [] : [{ file, op: "add", path: `${pointer}/proto`, value: proto } as const]),
    { file, op: "add", path, value: ports },
  ];
  return { words: [`${proto} ${ports}`], patch: added };
}

/** Where a firewall is off, or a guest has none; with the rules that its services need. */
function* switchOn(trials: Trials, position: Position): Generator<Mending> {
  const { host, guests } = trials.estate;
  const at = describePosition(position);
  const isAt = (each: Position | undefined) => each !== undefined && describePosition(each) === at;
  const firewall = [host, ...guests]
    .map((each) => each.firewall)
    .find((each) => isAt(each?.position) || isAt(each?.keys?.enabled));
  const { file, pointer } = firewall?.position ?? position;
  const operation: PatchOperation = firewall
    ? { file, op: "add", path: `${pointer}/enabled`, value: true }
    : { file, op: "add", path: `${pointer}/firewall`, value: { enabled: true, rules: [] } };
  const patch = withNeeds(trials, operation);
  const more = patch && patch.length > 1 ? " The patch writes its rules as its services need them." : "";
  if (patch) yield { remedy: `${SWITCH_ON}${more}`, patch };
}

const MOST_MENDS = 16;

/** A change, and what mends all that it would break. */
function withNeeds(trials: Trials, change: PatchOperation): readonly PatchOperation[] | undefined {
  const patch = [change];
  for (let mends = 0; mends <= MOST_MENDS; mends++) {
    const trial = trials.of(patch);
    if (!trial) return undefined;
    const [first] = trial.added;
    if (!first) return patch;
    const next = firstMending(trials.within(trial), first);
    if (!next) return undefined;
    patch.push(...next.patch);
  }
  return undefined;
}

import type { SideName } from "../../policy/diff/hops.ts";
import type { ChangeKind } from "../../policy/diff/pairs.ts";
import type { Estate } from "../../policy/estate.ts";
import { describeDecider } from "../../policy/explain.ts";
import type { Decision } from "../../policy/flow.ts";
import { flagNames } from "../../policy/packet.ts";
import { expandFlowKeys, type FlowKey, foldFlowKeys, parseFlowKey } from "../../probes/flow-key.ts";
import type { PacketObservation, PacketOutcome } from "../../probes/observation.ts";
import type { PacketProbe } from "../../probes/probe.ts";
import { agreementOf } from "../agreement.ts";
import type { Observations } from "../control.ts";
import { CLIENT_PORT, expectations } from "../expectation.ts";
import type { Proofs } from "../finding.ts";
import { admittedBy } from "../packets.ts";
import type { ChangeAsked, PairAsked } from "./ask.ts";
import type { Estates } from "./ends.ts";
import type { ShownChange, ShownPair, SideShown } from "./shown.ts";

/** What was seen in the lab of each side. */
export type Seen = Readonly<Record<SideName, Observations>>;

/** Worst first: one pair that differs refutes the change, one that nobody can tell leaves it untold. */
const ORDER = ["refuted", "untold", "shown"] as const;

/** Holds what packets did on both sides against what a difference says of them. `way`: who reaches whom, in words. */
export function judgeTwice(
  estates: Estates,
  { change, pairs, untested }: ChangeAsked,
  way: string,
  seen: Seen,
): ShownChange {
  const { kind, flows, approval } = change;
  const shown = pairs.map((pair) => judgePair(estates, kind, pair, seen));
  const results = shown.flatMap(({ base, head }) => [base.result, head.result]);
  return {
    kind,
    way,
    flows: [...flows],
    approved: approval !== undefined,
    // What no packet asked, the model alone says: it is not shown.
    result: ORDER.find((each) => results.includes(each)) ?? "untold",
    pairs: shown,
    untested: [...untested],
  };
}

function judgePair(estates: Estates, kind: ChangeKind, pair: PairAsked, seen: Seen): ShownPair {
  const { from, to, source, inside, border } = pair;
  const side = (name: SideName) => judgeSide(estates[name], kind, name, pair, seen[name]);
  return {
    from,
    to,
    source,
    inside: foldFlowKeys(inside),
    border: foldFlowKeys(border),
    base: side("base"),
    head: side("head"),
  };
}

/** Whether the flows of a change come through on a side. */
function comesThrough(kind: ChangeKind, side: SideName): boolean {
  switch (kind) {
    case "allowed":
      return side === "head";
    case "denied":
      return side === "base";
    case "answer":
      return false;
    case "responder":
      return true;
  }
}

const ARRIVED: ReadonlySet<PacketOutcome> = new Set(["delivered", "no-listener"]);
const REFUSED: ReadonlySet<PacketOutcome> = new Set(["dropped", "rejected"]);

function judgeSide(
  estate: Estate,
  kind: ChangeKind,
  side: SideName,
  { inside, probes, twins }: PairAsked,
  seen: Observations,
): SideShown {
  const probe = probes[side];
  if (!probe) {
    const reason = `${side.toUpperCase()} lacks one of the two: there is nobody to ask`;
    return { result: "absent", observed: "no such place", reason, evidence: [] };
  }
  const saw = seen.packets(probe.id);
  const twin = twins[side];
  const should = comesThrough(kind, side) ? ARRIVED : REFUSED;
  const fared = fatesOf(saw, inside);
  const right = inside.filter((key) => should.has(fared.get(key) ?? "unknown"));
  const proofs = proofsOf(saw, twin && seen.packets(twin.id));
  const [key = ""] = inside;
  const decision = decisionOf(estate, probe, key);
  const by = decision.verdict === "accept" ? admittedBy(decision) : decision.decider;
  const common = {
    observed: `${right.length} of ${inside.length} ${should === ARRIVED ? "arrived" : "refused"}: ${words(fared)}`,
    proofs,
    decider: describeDecider(by),
    evidence: [probe.id, ...(twin ? [twin.id] : [])],
  };
  const wrong = differing(estate, probe, saw, should, fared);
  if (wrong !== undefined) return { ...common, result: "refuted", reason: wrong };
  const unclear = unclearBy(saw, proofs);
  return unclear === undefined
    ? { ...common, result: "shown" }
    : { ...common, result: "untold", reason: unclear };
}

function decisionOf(estate: Estate, probe: PacketProbe, key: FlowKey): Decision {
  const { from, to, source, dest, sport = CLIENT_PORT, flags, sourceMac } = probe;
  const { proto, first } = parseFlowKey(key);
  const chosen = {
    ...(flags === undefined ? {} : { flags: flagNames(flags) }),
    ...(sourceMac === undefined ? {} : { sourceMac }),
  };
  return expectations(estate, { from, to, source, dest, sport, ...chosen })(proto, first);
}

/** What became of each of these flows. */
function fatesOf({ outcomes }: PacketObservation, keys: readonly FlowKey[]): Map<FlowKey, PacketOutcome> {
  const wanted = new Set(keys);
  const found = Object.entries(outcomes) as [PacketOutcome, FlowKey[]][];
  return new Map(
    found.flatMap(([outcome, own]) =>
      expandFlowKeys(own)
        .filter((key) => wanted.has(key))
        .map((key) => [key, outcome] as const),
    ),
  );
}

/** `dropped tcp/8080-8081, delivered tcp/80`. */
function words(fared: ReadonlyMap<FlowKey, PacketOutcome>): string {
  const groups = Map.groupBy([...fared], ([, outcome]) => outcome);
  return [...groups]
    .map(([outcome, own]) => `${outcome} ${short(foldFlowKeys(own.map(([key]) => key)))}`)
    .join(", ");
}

const MOST_KEYS = 8;

function short(keys: readonly FlowKey[]): string {
  const more = keys.length > MOST_KEYS ? ` and ${keys.length - MOST_KEYS} more` : "";
  return `${keys.slice(0, MOST_KEYS).join(", ")}${more}`;
}

/** What did not fare as it should, or not as the model has it, or was stopped elsewhere; flows beside the change too. */
function differing(
  estate: Estate,
  probe: PacketProbe,
  saw: PacketObservation,
  should: ReadonlySet<PacketOutcome>,
  fared: ReadonlyMap<FlowKey, PacketOutcome>,
): string | undefined {
  const known = [...fared].filter(([, outcome]) => !UNCLEAR.has(outcome));
  const wrong = new Map(known.filter(([, outcome]) => !should.has(outcome)));
  if (wrong.size > 0)
    return `${words(wrong)}, where the difference has it ${should === ARRIVED ? "arrive" : "refused"}`;
  const { disagreements, chains } = agreementOf(estate, saw, probe);
  const [first] = disagreements.filter(({ outcome }) => !UNCLEAR.has(outcome));
  if (first)
    return `${first.outcome} ${short(first.keys)}, where the model says ${first.decision.verdict}, by ${describeDecider(first.decision.decider)}`;
  const elsewhere = chains.filter(({ model, kernel }) => model !== kernel);
  // What could not be told may be counted anywhere.
  if (elsewhere.length === 0 || (saw.outcomes.unknown ?? []).length > 0) return undefined;
  const counts = elsewhere.map(({ chain, model, kernel }) => `${chain}: model ${model}, kernel ${kernel}`);
  return `stopped elsewhere than the model says (${counts.join("; ")})`;
}

const UNCLEAR: ReadonlySet<PacketOutcome> = new Set(["unknown", "no-route"]);

/** Why nobody can tell: a flow without an outcome, or one that is refused at a place that nothing shows alive. */
function unclearBy({ outcomes, reason, sent, captured, to }: PacketObservation, proofs: Proofs) {
  const dark = [...(outcomes.unknown ?? []), ...(outcomes["no-route"] ?? [])];
  if (dark.length > 0) return `${short(dark)}: ${reason ?? "the lab knows no way there"}`;
  if (captured < sent && proofs.drop === undefined)
    return `${sent - captured} did not arrive at ${to}, and as many are not accounted for`;
  if (captured < sent && proofs.twin === undefined)
    return `no positive twin: nothing that is allowed arrived at ${to}, so that silence there shows nothing`;
  return undefined;
}

/** The four proofs of a denial, as far as there are packets that did not arrive. */
function proofsOf(saw: PacketObservation, twin: PacketObservation | undefined): Proofs {
  const { sent, captured, accounts, from, to, source, outcomes } = saw;
  const absent = sent - captured;
  const counted = accounts.reduce((sum, { gain }) => sum + gain, 0);
  const rules = accounts.map(({ chain, rule, gain }) => `${chain} ${rule} (+${gain})`);
  const own = ARRIVED_KEYS.flatMap((outcome) => outcomes[outcome] ?? []);
  const alive = twin && ARRIVED_KEYS.flatMap((outcome) => twin.outcomes[outcome] ?? []);
  const [twinKey] = alive ?? [];
  const others = captured > 0 ? `; ${captured} more were` : "";
  return {
    stimulus: `${sent} packets left ${from} as ${source}`,
    ...(absent > 0 && { silence: `${absent} were not captured at ${to}${others}` }),
    ...(absent > 0 && counted === absent && { drop: `${counted} counted by ${rules.join(", ")}` }),
    ...(twin && twinKey !== undefined
      ? { twin: `${twinKey} from ${twin.from} arrived at ${to}` }
      : own[0] !== undefined && { twin: `${own[0]} from ${from} arrived at ${to}` }),
  };
}

const ARRIVED_KEYS = ["delivered", "no-listener"] as const;

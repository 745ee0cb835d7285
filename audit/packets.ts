import { classesOf, type PacketClass } from "../policy/classes.ts";
import type { Estate } from "../policy/estate.ts";
import { describeDecider, explainHop } from "../policy/explain.ts";
import type { Decider, Decision } from "../policy/flow.ts";
import { type FlowKey, foldFlowKeys, parseFlowKey } from "../probes/flow-key.ts";
import type { PacketObservation, ServiceObservation } from "../probes/observation.ts";
import type { HttpProbe, PacketProbe, TcpProbe } from "../probes/probe.ts";
import type { Observations } from "./control.ts";
import { declaredAt } from "./declared.ts";
import { expectation } from "./expectation.ts";
import type { Check, Proofs, Suspect } from "./finding.ts";
import { namedPorts } from "./ports.ts";

/** Flows of an observation that one thing happened to and one class holds: what the model says and what the packets did. */
export interface JudgedFlow {
  /** Id of the observation. */
  readonly observation: string;
  readonly from: string;
  readonly to: string;
  /** `tcp/443`, or of several `tcp/444-65535`; a port that the estate names stands alone. */
  readonly key: FlowKey;
  readonly count: number;
  /** Absent for what no class holds, e.g. `tcp/0`. */
  readonly packetClass?: PacketClass;
  readonly arrived: boolean;
  /** It was answered by a refusal on its way. */
  readonly rejected: boolean;
  readonly unknown: boolean;
  readonly decision: Decision;
}

const MISSED = new Set(["dropped", "rejected", "no-route"]);

const JUDGED = new WeakMap<PacketObservation, readonly JudgedFlow[]>();

/** Each flow of an observation beside the model's decision of it. */
export function judgeFlows(estate: Estate, seen: PacketObservation): readonly JudgedFlow[] {
  const known = JUDGED.get(seen) ?? judged(estate, seen);
  JUDGED.set(seen, known);
  return known;
}

function judged(estate: Estate, seen: PacketObservation): JudgedFlow[] {
  const { id: observation, from, to, outcomes } = seen;
  const parts = partsOf(estate, seen);
  return Object.entries(outcomes).flatMap(([outcome, keys]) =>
    (keys ?? []).flatMap(parts).map((part) => ({
      observation,
      from,
      to,
      ...part,
      arrived: outcome === "delivered" || outcome === "no-listener",
      rejected: outcome === "rejected",
      unknown: !MISSED.has(outcome) && outcome !== "delivered" && outcome !== "no-listener",
    })),
  );
}

type Part = Pick<JudgedFlow, "key" | "count" | "packetClass" | "decision">;

/** Takes a key apart where classes end, and around each port that the estate names. */
function partsOf(
  estate: Estate,
  { from, to, source, dest, sport }: PacketObservation,
): (key: FlowKey) => Part[] {
  const classes = Map.groupBy(
    classesOf(estate, from, to, { source, dest, sport }),
    ({ proto }): string => proto,
  );
  const borders = namedPorts(estate).flatMap((port) => [port, port + 1]);
  const decide = (key: FlowKey) => expectation(estate, from, to, key, source, sport, dest);
  return (key) => {
    const { proto, first, last } = parseFlowKey(key);
    const parts: Part[] = [];
    for (let at = first; at <= last; ) {
      const packetClass = classes.get(proto)?.find((each) => at >= each.first && at <= each.last);
      const border = borders.find((each) => each > at) ?? last + 1;
      const end = Math.min(last, packetClass?.last ?? at, border - 1);
      const part = at === end ? `${proto}/${at}` : `${proto}/${at}-${end}`;
      const told = packetClass ? { packetClass, decision: packetClass.decision } : { decision: decide(part) };
      parts.push({ key: part, count: end - at + 1, ...told });
      at = end + 1;
    }
    return parts;
  };
}

/** How many flows these are. */
export function countOf(flows: readonly JudgedFlow[]): number {
  return sum(flows.map(({ count }) => count));
}

/** The last hop of an accept names what let it in; an accept has always one. */
export function admittedBy({ hops, decider }: Decision) {
  return hops.at(-1)?.decider ?? decider;
}

/** Whether one of Proxmox's standing accepts, which no file can stop, lets it through. */
export function isStanding(decision: Decision): boolean {
  return decision.verdict === "accept" && admittedBy(decision).kind === "standing";
}

/** Whether a declared rule lets it through. */
export function isByRule(decision: Decision): boolean {
  return decision.verdict === "accept" && admittedBy(decision).kind === "rule";
}

/** An ACCEPT by rule is declared. */
export function permitsDeclared({ decision }: Pick<JudgedFlow, "decision">): boolean {
  return isByRule(decision);
}

/**
 * Whether one of Proxmox's standing accepts let it in, and no control minds: each is listed as open by Proxmox, and none
 * fails but where the internet reaches tcp or udp of the host by it.
 */
export function isTolerated({
  from,
  to,
  key,
  decision,
}: Pick<JudgedFlow, "from" | "to" | "key" | "decision">): boolean {
  return isStanding(decision) && !(from === "wan" && to === "host" && /^(?:tcp|udp)\//.test(key));
}

/** What arrived although neither the control nor Proxmox's own accepts let it. */
function leaksAmong(flows: readonly JudgedFlow[], permits: Denial["permits"]): JudgedFlow[] {
  return flows.filter((flow) => flow.arrived && !isTolerated(flow) && !permits(flow));
}

type Twin = Pick<TcpProbe | HttpProbe | PacketProbe, "id" | "kind">;

interface Denial {
  readonly title: string;
  readonly seen: readonly PacketObservation[];
  /** What shows the destination alive: a connection or an exchange that is answered, or an allowed packet that arrives. */
  readonly twins: readonly Twin[];
  /** What this control lets through; standing accepts are let through anyway where no control minds them. */
  readonly permits: (flow: JudgedFlow) => boolean;
  readonly expected: string;
  /** Name of the destination, for a sentence. */
  readonly destination: string;
}

/** Judges a denial: what may not arrive did not, each absent packet is accounted for, and the destination lives. */
export function denialCheck(estate: Estate, all: Observations, denial: Denial): Check {
  const { title, seen, expected } = denial;
  const flows = seen.flatMap((each) => judgeFlows(estate, each));
  const leaks = leaksAmong(flows, denial.permits);
  const unknown = flows.filter((flow) => flow.unknown);
  const proofs = proofsOf(estate, all, denial, flows);
  const common = {
    title,
    expected,
    proofs,
    evidence: [...seen.map(({ id }) => id), ...denial.twins.map(({ id }) => id)],
  };
  const [leak] = leaks;
  if (leak)
    return { ...common, result: "fail", ...leakWords(estate, denial, leaks, leak), suspect: suspectOf(leak) };
  const [dark] = unknown;
  if (dark) {
    const observed = `${countOf(unknown)} of ${countOf(flows)} packets: could not tell (${inWords(unknown)})`;
    const reason = seen.find((each) => each.reason)?.reason ?? "sent is not captured + accounted";
    return { ...common, result: "inconclusive", observed, reason, suspect: suspectOf(dark) };
  }
  const elsewhere = accountsElsewhere(estate, seen) ?? stoppedOtherwise(flows, seen);
  const observed = `${countOf(flows.filter((flow) => !flow.arrived))} of ${countOf(flows)} packets did not arrive`;
  if (elsewhere) return { ...common, result: "fail", observed, ...elsewhere };
  if (!proofs.twin) {
    const reason = `no positive twin: ${denial.destination} was not shown alive (${twinWords(all, denial.twins)})`;
    return { ...common, result: "inconclusive", observed, reason };
  }
  return { ...common, result: "pass", observed, ...defaultDecider(flows) };
}

/** The first flow of these. */
export function suspectOf({ observation, key, decision }: JudgedFlow): Suspect {
  const { proto, first } = parseFlowKey(key);
  return { observation, key: `${proto}/${first}`, path: decision.hops.map(explainHop) };
}

function leakWords(
  estate: Estate,
  denial: Denial,
  leaks: readonly JudgedFlow[],
  { decision }: JudgedFlow,
): Pick<Check, "observed" | "reason" | "disagreement" | "declared" | "decider"> {
  const intent = decision.verdict === "accept";
  const decider = intent ? admittedBy(decision) : decision.decider;
  const position = "position" in decider ? decider.position : undefined;
  const senders = [...new Set(leaks.map(({ from }) => from))].join(", ");
  const reached = `${denial.destination} is reached from ${senders} on ${inWords(leaks)}`;
  const reason = intent
    ? `${reached}, let in by ${describeDecider(decider)}: ${remedyFor(decider)}`
    : `${reached}, and no declared rule allows it: the live firewall is not the declared one (${describeDecider(decider)} should have stopped it); converge again, or declare the rule`;
  return {
    observed: `${countOf(leaks)} arrived: ${senders} on ${inWords(leaks)}`,
    reason,
    disagreement: intent ? "intent gap" : "converge fault",
    ...(position ? { declared: declaredAt(estate, position) } : {}),
    decider: describeDecider(decider),
  };
}

function remedyFor({ kind }: Decider): string {
  switch (kind) {
    case "rule":
      return "narrow the rule or remove it";
    case "policy":
      return "set the default policy to DROP";
    case "unfiltered":
      return "give it a firewall section that is enabled";
    case "standing":
    case "builtin":
    case "gateway":
      return "no file can stop it: keep it from the internet before it reaches the node";
  }
}

/** The deciding rule of the denied flows, most flows first: the declaration's line or default policy. */
function defaultDecider(flows: readonly JudgedFlow[]): Pick<Check, "decider"> {
  const absent = flows.filter((flow) => !flow.arrived);
  const counts = countBy(absent, ({ decision }) => describeDecider(decision.decider));
  const groups = [...counts].sort(([, a], [, b]) => b - a);
  const [most] = groups;
  return most ? { decider: `${most[0]}${groups.length > 1 ? `, and ${groups.length - 1} more` : ""}` } : {};
}

function proofsOf(
  estate: Estate,
  all: Observations,
  { seen, twins, destination, permits }: Denial,
  flows: readonly JudgedFlow[],
): Proofs {
  const sent = sum(seen.map((each) => each.sent));
  const captured = sum(seen.map((each) => each.captured));
  const accounted = sum(seen.flatMap((each) => each.accounts.map(({ gain }) => gain)));
  const [twin] = twins.flatMap((each) => aliveBy(estate, all, each, destination) ?? []);
  const senders = [...new Set(seen.map(({ from }) => from))].join(", ");
  const delivered = twins.length ? undefined : reachedByPacket(flows, destination);
  const leaks = countOf(leaksAmong(flows, permits));
  const absent = sent - captured;
  const allowed = captured ? `; ${captured} more were captured there, each of them allowed` : "";
  return {
    stimulus: `${sent} packets left ${senders}`,
    ...(leaks === 0 && absent > 0
      ? { silence: `${absent} were not captured at ${destination}${allowed}` }
      : {}),
    ...(leaks === 0 && accounted === absent && absent > 0
      ? { drop: `${accounted} counted by ${accountWords(seen)}` }
      : {}),
    ...(twin ? { twin } : {}),
    ...(delivered ? { twin: delivered } : {}),
  };
}

/** How this twin shows the destination alive; undefined where it does not. */
function aliveBy(estate: Estate, all: Observations, { id, kind }: Twin, to: string): string | undefined {
  if (kind === "packets") return reachedByPacket(judgeFlows(estate, all.packets(id)), to);
  const seen = all.service(id);
  return isAlive(seen) ? `${seen.request} from ${seen.from}: ${seen.answer}` : undefined;
}

/** A connection that was made, or a response that came back: a kernel accepts for a server that hangs. */
function isAlive({ kind, facts }: ServiceObservation): boolean {
  return kind === "http" ? typeof facts["status"] === "number" : facts["connected"] === true;
}

/* Where no rule opens a TCP port, an allowed packet that arrived shows that the way is open. */
function reachedByPacket(flows: readonly JudgedFlow[], destination: string): string | undefined {
  const reached = flows.find((flow) => flow.arrived && flow.decision.verdict === "accept");
  return reached && `${reached.key} from ${reached.from} arrived at ${destination}, as allowed`;
}

function twinWords(all: Observations, twins: readonly Twin[]): string {
  if (twins.length === 0) return "nothing is declared to reach it";
  const words = ({ id, kind }: Twin) => {
    if (kind === "packets") return `${id}: nothing that is allowed arrived`;
    const { request, from, answer } = all.service(id);
    return `${request} from ${from}: ${answer}`;
  };
  return twins.map(words).join("; ");
}

function accountWords(seen: readonly PacketObservation[]): string {
  const accounts = seen.flatMap(({ accounts: each }) => each);
  const chains = Map.groupBy(accounts, ({ chain }) => chain);
  return (
    [...chains].map(([chain, each]) => `${chain} (+${sum(each.map(({ gain }) => gain))})`).join(", ") ||
    "nothing"
  );
}

/**
 * The chains in which the kernel counted against those in which the model decided. Where they differ, the packet was
 * stopped, but not by what the declaration says: undefined where they agree.
 */
function accountsElsewhere(
  estate: Estate,
  seen: readonly PacketObservation[],
): Pick<Check, "reason" | "disagreement" | "suspect"> | undefined {
  const missed = seen
    .flatMap((each) => judgeFlows(estate, each))
    .filter((flow) => !flow.arrived && !flow.unknown);
  const expected = countBy(missed, chainOf);
  const counted = new Map<string, number>();
  for (const { chain, gain } of seen.flatMap(({ accounts }) => accounts))
    counted.set(chain, (counted.get(chain) ?? 0) + gain);
  const chains = [...new Set([...expected.keys(), ...counted.keys()])].sort();
  const differing = chains.filter((chain) => (expected.get(chain) ?? 0) !== (counted.get(chain) ?? 0));
  if (differing.length === 0) return undefined;
  const words = differing.map(
    (chain) => `${chain}: model ${expected.get(chain) ?? 0}, kernel ${counted.get(chain) ?? 0}`,
  );
  const foreign = differing.find((chain) => !COMPILED.test(chain));
  const lost = (chain: string) => (expected.get(chain) ?? 0) > (counted.get(chain) ?? 0);
  const suspect = missed.find((flow) => lost(chainOf(flow)));
  return {
    ...(suspect ? { suspect: suspectOf(suspect) } : {}),
    reason: `stopped elsewhere than the model says (${words.join("; ")})`,
    disagreement: foreign === undefined ? "model fault" : "converge fault",
  };
}

/** The chain that the model has stop it. */
function chainOf({ decision }: JudgedFlow): string {
  return decision.verdict === "accept" ? "none" : decision.decider.chain;
}

/** Flows that were refused with an answer where the model drops them in silence, or the other way round. */
function stoppedOtherwise(
  flows: readonly JudgedFlow[],
  seen: readonly PacketObservation[],
): Pick<Check, "reason" | "disagreement" | "suspect"> | undefined {
  const missed = flows.filter((flow) => !flow.arrived && !flow.unknown);
  const odd = missed.filter(({ rejected, decision }) => rejected !== (decision.verdict === "reject"));
  const [first] = odd;
  if (!first) return undefined;
  const alike = odd.filter(({ rejected }) => rejected === first.rejected);
  const effect = first.rejected ? "reject" : "drop";
  const rules = seen
    .flatMap(({ accounts }) => accounts)
    .flatMap((each) => (each.effect === effect ? [`${each.chain} ${each.rule}`] : []));
  const what = first.rejected
    ? "answered by a refusal, where the model drops in silence"
    : "dropped in silence, where the model refuses";
  return {
    suspect: suspectOf(first),
    reason: `${first.from} > ${first.to} ${inWords(alike)}: ${what} (${[...new Set(rules)].join("; ")}); converge again`,
    disagreement: "converge fault",
  };
}

/* Chains that the declaration compiles to, and the gateway's counter: a count in any other was put there by somebody. */
const COMPILED = /^(PVEFW-|GROUP-|veth\d+i\d+-|tap\d+i\d+-|gateway )/;

function countBy(flows: readonly JudgedFlow[], key: (flow: JudgedFlow) => string): Map<string, number> {
  return new Map([...Map.groupBy(flows, key)].map(([name, group]) => [name, countOf(group)]));
}

/** Flow keys of judged flows in words, folded; a long list ends in a count. */
export function inWords(flows: readonly JudgedFlow[]): string {
  const MOST = 8;
  const keys = foldFlowKeys([...new Set(flows.map(({ key }) => key))]);
  const shown = keys.slice(0, MOST).join(", ");
  return keys.length > MOST ? `${shown} and ${keys.length - MOST} more` : shown;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

import { decide } from "../decide.ts";
import type { Estate, Firewall, Rule } from "../estate.ts";
import type { Decision, Flow } from "../flow.ts";
import { describePosition } from "../position.ts";
import { ruleLine } from "../rule-line.ts";
import { parseIp } from "../ip.ts";
import { hasValue } from "./declaration.ts";
import { ownerOf } from "./owners.ts";
import type { Mending, PatchOperation } from "./proof.ts";

/** How the rule that opens it is written. */
export interface Wanted {
  readonly comment: string;
  /** Default: the flow's own source; anyone for `wan`. */
  readonly source?: string;
}

/** Host out, guest out, guest in, and a rule to pass at each. */
const MOST_STEPS = 8;

/** Whether rules that are there may be changed, or others are written beside them. */
export type Means = "any" | "new rules";

/**
 * The rules that let the flow through, tried on the model: a declared rule that names another guest's end is corrected, one
 * that comes too late is moved, else one is added in front of what stops it. Undefined where no rule can: the gateway stops
 * it, or a line of Proxmox's own.
 */
export function openingOf(
  estate: Estate,
  flow: Flow,
  wanted: Wanted,
  means: Means = "any",
): Mending | undefined {
  let current: Estate = {
    ...estate,
    guests: estate.guests.filter(({ id }) => id === flow.from || id === flow.to),
  };
  const steps: Step[] = [];
  while (steps.length < MOST_STEPS) {
    const decision = decide(current, flow);
    if (decision.verdict === "accept") {
      const remedy = steps.map(({ words }) => words).join(" ");
      return { remedy, patch: steps.map(({ operation }) => operation) };
    }
    const step = stepFor(current, decision, { flow, wanted, means, estate });
    if (!step) return undefined;
    steps.push(step);
    current = step.estate;
  }
  return undefined;
}

interface Step {
  readonly words: string;
  readonly operation: PatchOperation;
  readonly estate: Estate;
}

interface Question {
  readonly flow: Flow;
  readonly wanted: Wanted;
  readonly means: Means;
  /** With all its guests, who own addresses. */
  readonly estate: Estate;
}

function stepFor(estate: Estate, decision: Decision, question: Question): Step | undefined {
  const { flow, wanted, means } = question;
  const side = sideOf(estate, flow, decision);
  const { decider } = decision;
  if (!side || (decider.kind !== "rule" && decider.kind !== "policy")) return undefined;
  const { rules } = side.firewall;
  const stopper = describePosition(decider.position);
  const at = decider.kind === "rule" ? rules.findIndex((each) => isAt(each, stopper)) : rules.length;
  if (at < 0) return undefined;
  const changed =
    means === "any" ? (strayRule(question, decision, side) ?? lateRule(flow, decision, side, at)) : undefined;
  return changed ?? newRule(estate, flow, side, at, wanted);
}

/** An ACCEPT that would let the flow through if it named the guest's own address at the guest's end. */
function strayRule({ estate, flow }: Question, { hops }: Decision, side: Side): Step | undefined {
  const { rules } = side.firewall;
  const [end, own] = side.type === "in" ? (["dest", flow.dest] as const) : (["source", flow.source] as const);
  const isStray = ({ type, action, enabled, [end]: named }: Rule) =>
    type === side.type &&
    action === "ACCEPT" &&
    enabled &&
    named !== undefined &&
    parseIp(named) !== undefined &&
    named !== own &&
    ownerOf(estate, named) === undefined;
  for (const [index, rule] of rules.entries()) {
    if (!isStray(rule)) continue;
    const changed = rules.with(index, { ...rule, [end]: own });
    const hop = decide(side.withRules(changed), flow).hops[hops.length - 1];
    if (hop?.decider.kind !== "rule" || hop.verdict !== "accept") continue;
    const { file, pointer } = side;
    return {
      words: `Make the ${end} of ${ruleLine(rule)} of ${side.title} ${own}.`,
      operation: { file, op: "replace", path: `${pointer}/${index}/${end}`, value: own },
      estate: side.withRules(changed),
    };
  }
  return undefined;
}

/** A firewall of the declaration and one direction of it. */
interface Side {
  readonly title: string;
  readonly type: Rule["type"];
  readonly firewall: Firewall;
  readonly file: string;
  /** Of the list of rules. */
  readonly pointer: string;
  readonly withRules: (rules: readonly Rule[]) => Estate;
}

/** Whose rules ended the flow's way: those of the host, or of the guest that it leaves or enters. */
function sideOf(estate: Estate, { from, to }: Flow, { hops }: Decision): Side | undefined {
  const hop = hops.at(-1);
  if (hop?.hook === "INPUT" || hop?.hook === "OUTPUT") {
    const { host } = estate;
    const { firewall } = host;
    const withRules = (rules: readonly Rule[]) => ({
      ...estate,
      host: { ...host, firewall: { ...firewall, rules } },
    });
    const type = hop.hook === "INPUT" ? "in" : "out";
    const { file, pointer } = firewall.position;
    const title = "the host";
    return { title, type, firewall, file, pointer: `${pointer}/global_firewall_rules`, withRules };
  }
  const type = hop?.where.startsWith("out of ") ? "out" : "in";
  const guest = estate.guests.find(({ id }) => id === (type === "out" ? from : to));
  const firewall = guest?.firewall;
  if (hop?.hook !== "FORWARD" || !guest || !firewall) return undefined;
  const withRules = (rules: readonly Rule[]) => {
    const changed = { ...guest, firewall: { ...firewall, rules } };
    return { ...estate, guests: estate.guests.map((each) => (each === guest ? changed : each)) };
  };
  const { file, pointer } = firewall.position;
  return { title: `guest ${guest.id}`, type, firewall, file, pointer: `${pointer}/rules`, withRules };
}

/** An ACCEPT behind the stopper that would let the flow through if it came first. */
function lateRule(flow: Flow, decision: Decision, side: Side, at: number): Step | undefined {
  const { rules } = side.firewall;
  const stopper = rules[at];
  const later = rules.slice(at + 1).filter(({ type, action }) => type === side.type && action === "ACCEPT");
  if (!stopper || later.length === 0) return undefined;
  const { hops } = decide(side.withRules(later), flow);
  const decider = hops[decision.hops.length - 1]?.decider;
  if (decider?.kind !== "rule") return undefined;
  const position = describePosition(decider.position);
  const from = rules.findIndex((each) => isAt(each, position));
  const rule = rules[from];
  if (!rule) return undefined;
  const words = `Move ${ruleLine(rule)} of ${side.title} before ${ruleLine(stopper)}.`;
  const { file, pointer } = side;
  const operation = { file, op: "move", from: `${pointer}/${from}`, path: `${pointer}/${at}` } as const;
  return { words, operation, estate: side.withRules(rules.toSpliced(from, 1).toSpliced(at, 0, rule)) };
}

function newRule(
  estate: Estate,
  { from, proto, source, dest, dport }: Flow,
  { title, type, firewall, file, pointer, withRules }: Side,
  at: number,
  wanted: Wanted,
): Step {
  const { rules } = firewall;
  const sender = wanted.source ?? (from === "wan" ? undefined : source);
  const written = {
    type,
    action: "ACCEPT",
    proto: String(proto),
    ...(sender !== undefined && { source: sender }),
    dest,
    ...(dport !== undefined && { port: String(dport) }),
    comment: wanted.comment,
  } as const;
  const path = `${pointer}/${at === rules.length ? "-" : at}`;
  const rule: Rule = {
    ...written,
    enabled: true,
    position: { ...firewall.position, pointer: `${path} new` },
  };
  const stopper = rules[at];
  const where = stopper ? `, before ${ruleLine(stopper)}` : "";
  const operation: PatchOperation = hasValue(estate, file, pointer)
    ? { file, op: "add", path, value: written }
    : { file, op: "add", path: pointer, value: [written] };
  const words = `Add ${ruleLine(rule)} to ${title}'s rules${where}.`;
  return { words, operation, estate: withRules(rules.toSpliced(at, 0, rule)) };
}

function isAt(rule: Rule, position: string): boolean {
  return describePosition(rule.position) === position;
}

import type { Estate, Position, Rule } from "../../policy/estate.ts";
import { lint } from "../../policy/lint/lint.ts";
import { places } from "../../policy/place.ts";
import { comparePositions } from "../../policy/position.ts";
import { proveNarrow } from "../../policy/prove/narrow.ts";
import { nodeOf } from "../../policy/proxmox/node.ts";
import { ruleLine } from "../../policy/rule-line.ts";
import type { PacketProbe } from "../../probes/probe.ts";
import type { Control, Observations } from "../control.ts";
import { at, declaredAt } from "../declared.ts";
import type { Check } from "../finding.ts";
import {
  countOf,
  inWords,
  isByRule,
  isTolerated,
  type JudgedFlow,
  judgeFlows,
  suspectOf,
} from "../packets.ts";
import { pairSweeps } from "../sweep.ts";
import { wayTo } from "../way-to-rule.ts";

/** An ACCEPT in force, and whose section it stands in. */
interface Accept {
  readonly place: string;
  readonly rule: Rule;
}

function accepts({ host, guests }: Estate): Accept[] {
  return [{ id: "host", firewall: host.firewall }, ...guests].flatMap(({ id: place, firewall }) =>
    (firewall?.rules ?? [])
      .filter(({ enabled, action }) => enabled && action === "ACCEPT")
      .map((rule) => ({ place, rule })),
  );
}

/** All that a run asks of whom the rule may let in, or out. */
function sweepsOf(estate: Estate, { place, rule }: Accept): PacketProbe[] {
  const all = places(estate);
  const pairs =
    rule.type === "in"
      ? all.map(({ id }) => [id, place] as const)
      : all.filter(({ destination }) => destination).map(({ id }) => [place, id] as const);
  return pairs.filter(([from, to]) => from !== to).flatMap(([from, to]) => pairSweeps(estate, from, to));
}

const narrow: Control = {
  id: "FW-004",
  probes: (estate) => accepts(estate).flatMap((accept) => sweepsOf(estate, accept)),
  judge: (estate, seen) => {
    const all = accepts(estate);
    const { violations } = proveNarrow(estate);
    const wide = new Map(violations.map((each) => [at(each.position), each]));
    return all.length === 0
      ? [NO_ACCEPT]
      : all.flatMap((accept) => [
          writtenCheck(estate, accept, wide.get(at(accept.rule.position))),
          liveCheck(estate, seen, accept),
        ]);
  },
  notes: (estate) => {
    const reported = new Set(["duplicate-rule", "shadowed-rule", "redundant-accept", "any-to-any"]);
    const { findings } = lint(nodeOf(estate), { ...estate, kind: "phoenix" });
    return findings
      .filter(({ lint: id }) => reported.has(id))
      .map(({ lint: id, position, message }) => `${id} ${at(position)}: ${message}`);
  },
};

const NO_ACCEPT: Check = {
  title: "each ACCEPT is narrow and justified",
  result: "notapplicable",
  expected: "an ACCEPT",
  observed: "none is declared",
  reason: "the files declare no ACCEPT",
  evidence: [],
};

type Violation = ReturnType<typeof proveNarrow>["violations"][number];

/** What the line itself says. */
function writtenCheck(estate: Estate, { place, rule }: Accept, wrong: Violation | undefined): Check {
  return {
    title: `"${ruleLine(rule)}" of ${place} says whom it is for, for what, and why`,
    result: wrong ? "fail" : "pass",
    expected: "a source or destination, a protocol, its port or ICMP type, and a comment",
    observed: wrong ? wrong.message : (rule.comment ?? ""),
    ...(wrong ? { reason: `${wrong.message}. ${wrong.remedy}`, disagreement: "intent gap" as const } : {}),
    declared: declaredAt(estate, rule.position),
    evidence: [],
  };
}

/** What it lets through, and that its senders reach no port and its ports no sender beside it. */
function liveCheck(estate: Estate, seen: Observations, accept: Accept): Check {
  const { place, rule } = accept;
  const observations = seen.packetsOf(sweepsOf(estate, accept));
  const flows = observations.flatMap((each) => judgeFlows(estate, each));
  const own = flows.filter((flow) => isBy(flow, rule.position));
  const arrived = own.filter((flow) => flow.arrived);
  const wider = beside(flows, own);
  const common = {
    title: `"${ruleLine(rule)}" of ${place} lets through what it says and nothing wider`,
    expected: `${countOf(own)} of the flows that were asked, and none beside them`,
    observed: `${countOf(arrived)} arrived (${inWords(arrived) || "none"}), ${countOf(wider)} beside them`,
    declared: declaredAt(estate, rule.position),
    evidence: observations.map(({ id }) => id),
  };
  const [leak] = wider;
  if (leak) {
    const reason = `${leak.to} is reached from ${leak.from} on ${inWords(wider)}, beside what ${at(rule.position)} says`;
    return { ...common, result: "fail", reason, disagreement: "converge fault", suspect: suspectOf(leak) };
  }
  const dark = own.find(({ unknown }) => unknown);
  if (dark) {
    const reason = `it could not be told whether ${dark.key} from ${dark.from} arrived at ${dark.to}`;
    return { ...common, result: "inconclusive", reason, suspect: suspectOf(dark) };
  }
  const missed = own.find((flow) => !flow.arrived);
  if (missed) {
    const reason = `${missed.key} from ${missed.from} does not arrive at ${missed.to}, though ${at(rule.position)} lets it`;
    return { ...common, result: "fail", reason, disagreement: "converge fault", suspect: suspectOf(missed) };
  }
  if (own.length === 0) {
    const reason = wayTo(estate, rule.position).reason ?? "another flow than those that were asked";
    return { ...common, result: "notapplicable", reason: `none was asked that it decides: ${reason}` };
  }
  return { ...common, result: "pass" };
}

/** An accept that this rule has a part in, from end to end. */
function isBy({ decision }: JudgedFlow, position: Position): boolean {
  return (
    decision.verdict === "accept" &&
    decision.hops.some(
      ({ decider }) => decider.kind === "rule" && comparePositions(decider.position, position) === 0,
    )
  );
}

/** What arrived by no rule and no standing accept, from one of the rule's senders, or as one of its flows. */
function beside(flows: readonly JudgedFlow[], own: readonly JudgedFlow[]): JudgedFlow[] {
  const pairs = new Set(own.map(({ from, to }) => `${from} ${to}`));
  const keys = new Set(own.map(({ key, to }) => `${key} ${to}`));
  return flows.filter(
    (flow) =>
      flow.arrived &&
      !isByRule(flow.decision) &&
      !isTolerated(flow) &&
      (pairs.has(`${flow.from} ${flow.to}`) || keys.has(`${flow.key} ${flow.to}`)),
  );
}

export const NARROW_CONTROLS: readonly Control[] = [narrow];

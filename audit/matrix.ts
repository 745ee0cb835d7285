import type { Estate } from "../policy/estate.ts";
import { places } from "../policy/place.ts";
import type { Observation, PacketObservation } from "../probes/observation.ts";
import { foldFlowKeys } from "../probes/flow-key.ts";
import { countOf, isByRule, isStanding, type JudgedFlow, judgeFlows } from "./packets.ts";
import type { Cell } from "./run.ts";

/** A cell for each ordered pair that is judged and was asked, from the sender's own address to the destination's. */
export function matrixOf(estate: Estate, observations: readonly Observation[]): Cell[] {
  const judged = new Map(
    places(estate).map((each) => [each.id, each.destination ? each.address : undefined]),
  );
  const seen = observations.filter(
    (each): each is PacketObservation =>
      each.kind === "packets" && !each.forged && judged.get(each.to) === each.dest,
  );
  const pairs = Map.groupBy(seen, ({ from, to }) => `${from} ${to}`);
  return [...pairs.values()].flatMap((each) => (each[0] ? [cell(estate, each[0], each)] : []));
}

function cell(estate: Estate, { from, to }: PacketObservation, seen: readonly PacketObservation[]): Cell {
  const byKey = new Map(seen.flatMap((each) => judgeFlows(estate, each)).map((flow) => [flow.key, flow]));
  const flows = [...byKey.values()];
  const keys = (where: (flow: JudgedFlow) => boolean) =>
    foldFlowKeys(flows.filter(where).map(({ key }) => key));
  const allowed = keys(({ arrived, decision }) => arrived && isByRule(decision));
  const standing = keys(({ arrived, decision }) => arrived && isStanding(decision));
  const leaked = keys(({ arrived, decision }) => arrived && !isByRule(decision) && !isStanding(decision));
  const broken = keys(
    ({ arrived, unknown, decision }) => !arrived && !unknown && decision.verdict === "accept",
  );
  const unknown = flows.some((flow) => flow.unknown);
  const denied = countOf(flows.filter(({ arrived, unknown: dark }) => !arrived && !dark));
  const state = leaked.length
    ? "leak"
    : broken.length
      ? "broken"
      : unknown
        ? "unknown"
        : allowed.length || standing.length
          ? "open"
          : "denied";
  const evidence = seen.map(({ id }) => id);
  return {
    from,
    to,
    state,
    allowed,
    standing,
    leaked,
    broken,
    deniedCount: denied,
    probedCount: countOf(flows),
    evidence,
  };
}

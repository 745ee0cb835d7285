import { describeDecider } from "../policy/explain.ts";
import type { Decider } from "../policy/flow.ts";
import { FAMILIES, firstPackets } from "../policy/prove/reach.ts";
import type { Node } from "../policy/proxmox/node.ts";
import { type DecidedSet, spaceOf } from "../policy/space/node-space.ts";
import type { PacketSet } from "../policy/space/packet-set.ts";
import type { SetJson } from "../policy/space/print.ts";
import { describeVantage, type Vantage } from "./vantage.ts";

/** All that gets through between two places by one line, whatever source a packet bears. */
interface Passage {
  readonly decider: Decider;
  readonly flows: PacketSet;
}

/** The first packets of flows that get through, of both families, by the line that lets them in, in the order of the lines. */
function passagesOf(node: Node, from: Vantage, to: Vantage): readonly Passage[] {
  const space = spaceOf(node);
  return FAMILIES.flatMap((family) =>
    space
      .byDecider(from.id, to.id, family)
      .filter(({ verdict }) => verdict === "accept")
      .map(({ decider, set }: DecidedSet) => ({
        decider,
        flows: set.intersect(firstPackets(set.space)).flows(),
      }))
      .filter(({ flows }) => !flows.isEmpty),
  );
}

/** A block for each line of the files, or of Proxmox's own, that lets something through. */
export function explainSetText(node: Node, from: Vantage, to: Vantage): readonly string[] {
  const passages = passagesOf(node, from, to);
  const head = `from ${describeVantage(from)} to ${describeVantage(to)}, whatever source a packet bears:`;
  if (passages.length === 0) return [head, "nothing gets through"];
  return [
    head,
    ...passages.flatMap(({ decider, flows }) => [
      `by ${describeDecider(decider)}`,
      ...flows.lines().map((line) => `  ${flows.space.family === 6 ? "IPv6: " : ""}${line}`),
    ]),
  ];
}

/** The same as JSON. */
export function explainSetJson(
  node: Node,
  from: Vantage,
  to: Vantage,
): {
  readonly from: string;
  readonly to: string;
  readonly accepted: readonly { decider: Decider; flows: SetJson }[];
} {
  const accepted = passagesOf(node, from, to).map(({ decider, flows }) => ({
    decider,
    flows: flows.toJSON(),
  }));
  return { from: from.id, to: to.id, accepted };
}

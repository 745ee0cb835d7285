import type { Position } from "../estate.ts";
import type { Decider } from "../flow.ts";
import type { Family } from "../ip.ts";
import type { Packet } from "../packet.ts";
import type { PacketSpace } from "../space/packet-space.ts";
import { cubeText } from "../space/cube-text.ts";
import { flowsOf } from "../space/project.ts";
import type { Diagram } from "../space/diagram.ts";
import { PacketSet } from "../space/packet-set.ts";
import type { Reason } from "./why.ts";

/**
 * `alone`: without the rule some packet would fare otherwise. `redundant`: it decides packets, and all would fare alike
 * without it. `dead`: it decides none. `unsent`: it alone decides some, which nobody sends but by forging. `stopped`: it lets
 * packets through that another hop stops for everyone.
 */
export type Verdict = "alone" | "redundant" | "dead" | "unsent" | "stopped";

/** Packets of one family in words, and how they look with the fields of a first packet alone. */
export interface FlowLines {
  readonly family: Family;
  readonly lines: readonly string[];
}

/** What would become of packets without the rule. */
export interface Otherwise extends FlowLines {
  readonly is: string;
  readonly would: string;
  /** Who would decide the witness. */
  readonly by: Decider;
  readonly witness: Packet;
  /** At which of the place's hops, and whether the witness comes with the mark. */
  readonly where: string;
  readonly marked: boolean;
  /** All that the rule decides of the family. */
  readonly isAll: boolean;
}

/** What one declared rule decides at one place, and what of that it alone decides. */
export interface RuleShare {
  /** `the host`, `guest 101`; of a group that nobody uses `group web`. */
  readonly place: string;
  readonly position: Position;
  /** As a line of a Proxmox rule file. */
  readonly line: string;
  /** The GROUP line that brings it in. */
  readonly use?: { readonly line: string; readonly position: Position };
  readonly verdict: Verdict;
  /** `finding`: the files should change. */
  readonly level: "fine" | "note" | "finding";
  readonly reason?: Reason;
  /** Of whatever is not `alone`. */
  readonly why?: string;
  /** Other places that `why` names. */
  readonly related: readonly Position[];
  /** The first packets of flows that it decides. */
  readonly decides: readonly FlowLines[];
  /** Those of them that would fare otherwise without it. */
  readonly without: readonly Otherwise[];
}

/** A set as lines, no more boxes worked out than are shown; where no client's own first packet is in it, as it is. */
export function linesOf(space: PacketSpace, set: Diagram, max: number): readonly string[] {
  const flows = new PacketSet(space, flowsOf(space, set));
  if (flows.isEmpty) return new PacketSet(space, set).lines({ max });
  const lines: string[] = [];
  for (const cube of flows.cubes()) {
    if (lines.length === max) return [...lines, "and more"];
    lines.push(cubeText(cube, space.family));
  }
  return lines;
}

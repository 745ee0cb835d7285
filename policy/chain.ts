import type { Policy } from "./estate.ts";
import type { Decider, RejectKind } from "./flow.ts";
import { type Match, matches } from "./match.ts";
import type { Packet } from "./packet.ts";
import {
  type Broadcasts,
  beforePolicy,
  type ChainRuling,
  illegalFlags,
  reject,
  smurf,
} from "./shared-chains.ts";

/** What a hop said, and which line said it. */
export interface Ruling {
  readonly verdict: "accept" | "drop" | "reject";
  readonly reject?: RejectKind;
  readonly decider: Decider;
}

/** A declared rule (one line an alternative), a standing accept, or a filter of Proxmox's own. */
export interface MatchLine {
  readonly kind: "match";
  readonly match: Match;
  readonly action: Policy;
  readonly decider: Exclude<Decider, { kind: "policy" }>;
}

/** A security group's lines in one direction: an ACCEPT sets the mark and leaves the group. */
export interface GroupChain {
  readonly name: string;
  readonly lines: MatchLine[];
}

/** `GROUP name`: a jump, only by this device where one is given, and then an accept for whatever carries the mark. */
export interface GroupLine {
  readonly kind: "group";
  readonly group: GroupChain;
  readonly device?: string;
  /** Accepts a packet that an earlier hop has marked, where the group was not entered (trap 2). */
  readonly decider: Extract<Decider, { kind: "rule" }>;
}

export type Line =
  | MatchLine
  | GroupLine
  | { readonly kind: "clear-mark" }
  | { readonly kind: "smurfs" }
  | { readonly kind: "tcpflags" };

/** The default policy at a chain's end. */
export interface ChainPolicy {
  readonly action: Policy;
  readonly decider: Extract<Decider, { kind: "policy" }>;
}

/** One chain of the node, of one family. */
export interface Chain {
  readonly name: string;
  readonly lines: readonly Line[];
  readonly policy: ChainPolicy;
  /** A guest's OUT chain accepts by setting the mark, which stays on the packet. */
  readonly marks: boolean;
}

/** Lines that a packet meets in order, and of a chain the default policy at their end. */
export type Asked = Pick<Chain, "lines"> & Partial<Chain>;

/** What stays on the packet from hop to hop: the mark 0x80000000. */
export interface PathState {
  marked: boolean;
}

/** What the hook knows of the packet beside its headers. */
export interface HookContext {
  /** The bridge (or lo) by which the packet enters the host or leaves it. */
  readonly device: string;
  readonly broadcasts: Broadcasts;
  readonly state: PathState;
}

/** What lines say: the first that decides, else the default policy where they have one. */
export function askLines(
  { lines, policy, marks }: Asked,
  packet: Packet,
  context: HookContext,
): Ruling | undefined {
  const ruling = tryLines(lines, packet, context) ?? (policy && applyPolicy(policy, packet, context));
  if (marks && ruling?.verdict === "accept") context.state.marked = true;
  return ruling;
}

/** The first line that decides; undefined where none does. */
function tryLines(lines: readonly Line[], packet: Packet, context: HookContext): Ruling | undefined {
  for (const line of lines) {
    const ruling = tryLine(line, packet, context);
    if (ruling) return ruling;
  }
  return undefined;
}

/** What a line decides; undefined where it does not. */
export function tryLine(line: Line, packet: Packet, context: HookContext): Ruling | undefined {
  switch (line.kind) {
    case "match":
      return matches(line.match, packet, context.device) ? act(line, packet, context) : undefined;
    case "group":
      return tryGroup(line, packet, context);
    case "clear-mark":
      context.state.marked = false;
      return undefined;
    case "smurfs":
      return ownLine(smurf(packet, context.broadcasts));
    case "tcpflags":
      return ownLine(illegalFlags(packet));
  }
}

/** What a line that matches says. */
export function act(
  { action, decider }: MatchLine,
  packet: Packet,
  { broadcasts }: Pick<HookContext, "broadcasts">,
): Ruling {
  if (action !== "REJECT") return { verdict: action === "ACCEPT" ? "accept" : "drop", decider };
  const ruling = reject(packet, broadcasts);
  return withDecider(ruling, { ...decider, chain: ruling.chain });
}

function tryGroup(
  { group, device, decider }: GroupLine,
  packet: Packet,
  context: HookContext,
): Ruling | undefined {
  const { state } = context;
  if (device === undefined || device === context.device) {
    state.marked = false;
    const ruling = tryLines(group.lines, packet, context);
    if (ruling?.verdict === "accept") state.marked = true;
    if (ruling) return ruling;
  }
  return state.marked ? { verdict: "accept", decider } : undefined;
}

/** The default policy, with the shared chain that it asks first. */
export function applyPolicy(
  { action, decider }: ChainPolicy,
  packet: Packet,
  { broadcasts }: Pick<HookContext, "broadcasts">,
): Ruling {
  if (action === "ACCEPT") return { verdict: "accept", decider };
  const earlier = beforePolicy(action, packet, broadcasts);
  if (earlier) return withDecider(earlier, { ...decider, chain: earlier.chain, text: earlier.text });
  if (action === "DROP") return { verdict: "drop", decider };
  const ruling = reject(packet, broadcasts);
  return withDecider(ruling, { ...decider, chain: ruling.chain, text: ruling.text });
}

function withDecider(ruling: ChainRuling, decider: Decider): Ruling {
  return {
    verdict: ruling.verdict,
    ...(ruling.reject === undefined ? {} : { reject: ruling.reject }),
    decider,
  };
}

function ownLine(ruling: ChainRuling | undefined): Ruling | undefined {
  return ruling && withDecider(ruling, { kind: "builtin", chain: ruling.chain, text: ruling.text });
}

/** One of Proxmox's own lines. */
export function builtinLine(match: Match, action: "ACCEPT" | "DROP", chain: string, text: string): MatchLine {
  return { kind: "match", match, action, decider: { kind: "builtin", chain, text } };
}

import {
  act,
  applyPolicy,
  type Asked,
  type ChainPolicy,
  type GroupChain,
  type GroupLine,
  type HookContext,
  type Line,
  type MatchLine,
  type Ruling,
  tryLine,
} from "../chain.ts";
import type { Packet } from "../packet.ts";
import type { Pass } from "../passes.ts";
import type { Broadcasts } from "../shared-chains.ts";
import type { Diagram } from "./diagram.ts";
import { setOfMatch } from "./match-set.ts";
import type { PacketSpace } from "./packet-space.ts";
import { SharedSets } from "./shared-sets.ts";

/** One thing that a hop asks: what it takes of the packets that come so far, and what becomes of them. */
export interface Step {
  readonly takes: () => Diagram;
  readonly accepts: boolean;
  /** Whether what it accepts bears the mark from here on. */
  readonly marked: boolean;
  /** What it says of a packet that it takes, by the code that decides packets. */
  readonly ruling: (packet: Packet) => Ruling;
  /** It does not say the same of all: `SharedSets.rejects` are the parts. */
  readonly varies: boolean;
  /** It asks for conntrack's state, which declared rules never do: what it takes is best kept apart from what they take. */
  readonly byState: boolean;
}

/** The steps of a group that is entered; they are those of whoever else enters it. */
export interface GroupSteps {
  readonly group: GroupChain;
  readonly steps: readonly Step[];
}

/** A pass as steps, of which each packet that comes in with or without the mark is taken by just one. */
export class StepMaker {
  readonly space: PacketSpace;
  readonly shared: SharedSets;
  readonly #broadcasts: Broadcasts;

  constructor(space: PacketSpace, broadcasts: Broadcasts) {
    this.space = space;
    this.#broadcasts = broadcasts;
    this.shared = new SharedSets(space, broadcasts);
  }

  /**
   * Whether a packet bears the mark is the same for all that reach a line: clear-mark and a group that is entered clear it, and
   * what sets it ends the pass. So one that comes in with it and one without are two walks, and none branches.
   */
  of(pass: Pass, marked: boolean): readonly (Step | GroupSteps)[] {
    const walk = new Walk(this, { device: pass.device, broadcasts: this.#broadcasts }, marked);
    for (const asked of pass.asks(this.space.family)) walk.ask(asked);
    return [...walk.steps, this.#last(pass, walk.marked)];
  }

  #last(pass: Pass, marked: boolean): Step {
    const ruling = pass.otherwise(this.space.family);
    return {
      takes: () => this.space.all,
      accepts: ruling.verdict === "accept",
      marked,
      ruling: () => ruling,
      varies: false,
      byState: false,
    };
  }
}

type Hook = Pick<HookContext, "device" | "broadcasts">;

class Walk {
  readonly steps: (Step | GroupSteps)[] = [];
  marked: boolean;
  readonly #maker: StepMaker;
  readonly #hook: Hook;

  constructor(maker: StepMaker, hook: Hook, marked: boolean) {
    this.#maker = maker;
    this.#hook = hook;
    this.marked = marked;
  }

  ask({ lines, policy, marks }: Asked): void {
    for (const line of lines) this.#line(line, marks === true);
    if (policy) this.steps.push(...this.#policy(policy, marks === true || this.marked));
  }

  #line(line: Line, marks: boolean): void {
    const { shared } = this.#maker;
    switch (line.kind) {
      case "match":
        this.steps.push(this.#match(line, marks || this.marked));
        return;
      case "group":
        this.#group(line);
        return;
      case "clear-mark":
        this.marked = false;
        return;
      case "smurfs":
        this.steps.push(this.#filter(line, shared.smurfs));
        return;
      case "tcpflags":
        this.steps.push(this.#filter(line, shared.illegalFlags));
    }
  }

  #match(line: MatchLine, marked: boolean): Step {
    return {
      takes: () => setOfMatch(this.#maker.space, line.match, this.#hook.device),
      accepts: line.action === "ACCEPT",
      marked,
      ruling: (packet) => act(line, packet, this.#hook),
      varies: line.action === "REJECT",
      byState: line.match.states !== undefined,
    };
  }

  /** One of Proxmox's own filters. */
  #filter(line: Line, takes: Diagram): Step {
    const ruling = (packet: Packet): Ruling => {
      const found = tryLine(line, packet, { ...this.#hook, state: { marked: this.marked } });
      if (!found) throw new TypeError(`a packet that ${line.kind} does not take`);
      return found;
    };
    return { takes: () => takes, accepts: false, marked: false, ruling, varies: false, byState: true };
  }

  /** As `tryGroup` of `chain.ts` does: entered, or else an accept of whatever bears the mark. */
  #group({ group, device, decider }: GroupLine): void {
    if (device === undefined || device === this.#hook.device) {
      this.marked = false;
      this.steps.push({ group, steps: group.lines.map((line) => this.#match(line, true)) });
      return;
    }
    if (!this.marked) return;
    const takes = () => this.#maker.space.all;
    const ruling = (): Ruling => ({ verdict: "accept", decider });
    this.steps.push({ takes, accepts: true, marked: true, ruling, varies: false, byState: false });
  }

  #policy(policy: ChainPolicy, marked: boolean): readonly Step[] {
    const { space, shared } = this.#maker;
    const ruling = (packet: Packet) => applyPolicy(policy, packet, this.#hook);
    const { action } = policy;
    const all = { takes: space.all, accepts: action === "ACCEPT", rejects: false };
    const lines = action === "ACCEPT" ? [all] : [...shared.beforePolicy, all];
    return lines.map(({ takes, accepts, rejects }) => {
      const varies = rejects || action === "REJECT";
      return { takes: () => takes, accepts, marked, ruling, varies, byState: false };
    });
  }
}

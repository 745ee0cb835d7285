import type { Decider } from "../flow.ts";
import type { Family } from "../ip.ts";
import { packetOf } from "../packet.ts";
import { type Diagram, NONE } from "../space/diagram.ts";
import { openingsOf } from "../space/openings.ts";
import type { PacketSpace } from "../space/packet-space.ts";
import type { Step, StepMaker } from "../space/steps.ts";
import { isInhabited } from "../space/witness.ts";
import type { LabelledHop } from "./hop.ts";
import { nameOf, type Outcome, Outcomes, outcomesOf, type Part, partsOf } from "./outcomes.ts";
import type { Site } from "./site.ts";

/** Packets that without a rule would be decided otherwise. */
export interface Change {
  readonly is: Outcome;
  readonly would: Outcome;
  readonly set: Diagram;
}

/** What a rule has of the first packets of flows at one hop. */
export interface Share {
  readonly site: Site;
  readonly at: LabelledHop;
  /** All of its packets that come to the hop, and those that Proxmox's own lines leave to the rules. */
  readonly asks: Diagram;
  readonly arriving: Diagram;
  readonly decides: Diagram;
  readonly changes: readonly Change[];
}

/** Steps of one rule, which stand beside each other (a macro's alternatives are several), or one other step. */
export interface Run {
  readonly site?: Site;
  /** Absent of a line that asks for conntrack's state: those stand before all rules. */
  readonly decider?: Decider;
  readonly steps: readonly Step[];
  readonly takes: Diagram;
}

const SAMPLES: Readonly<Record<Family, ReturnType<typeof packetOf>>> = {
  4: packetOf({ from: "", to: "", proto: "tcp", source: "192.0.2.1", dest: "192.0.2.2" }),
  6: packetOf({ from: "", to: "", proto: "tcp", source: "2001:db8::1", dest: "2001:db8::2" }),
};

/** Some hundred megabytes. Rules that cross in every field make as many. */
const MOST_DIAGRAMS = 200_000;

const POLICIES = new WeakMap<StepMaker, Map<string, Outcomes>>();

/** What each declared rule decides at one hop, and what would become of that without the rule. */
export class HopShares {
  readonly at: LabelledHop;
  readonly space: PacketSpace;
  readonly runs: readonly Run[];
  readonly shares: readonly Share[];
  /** Its sets grew too large: what it says is not all. */
  isExhausted = false;
  readonly #maker: StepMaker;
  readonly #policy: readonly Step[];

  constructor(maker: StepMaker, at: LabelledHop) {
    this.at = at;
    this.space = maker.space;
    this.#maker = maker;
    const { rules, policy } = this.#read();
    this.runs = rules;
    this.#policy = policy;
    this.shares = this.#share();
  }

  /** The first packets of flows as they come to the hop. */
  get #first(): Diagram {
    const { space } = this;
    const openings = openingsOf(space);
    return this.at.hop.isFirst ? openings : space.store.intersect(openings, space.where({ ownReply: false }));
  }

  #read(): { readonly rules: readonly Run[]; readonly policy: readonly Step[] } {
    const { hop, pass, sites } = this.at;
    const steps = this.#maker
      .of(pass, hop.marked)
      .flatMap((each) => ("group" in each ? each.steps : [each]))
      .map((step) => ({
        step,
        decider: step.byState ? undefined : step.ruling(SAMPLES[hop.family]).decider,
      }));
    const end = steps.findIndex(({ decider }) => decider?.kind === "policy");
    const runs: { site?: Site; decider?: Decider; steps: Step[]; takes: Diagram }[] = [];
    for (const { step, decider } of steps.slice(0, end < 0 ? 0 : end)) {
      const site = decider && "position" in decider ? sites.get(decider.position) : undefined;
      const before = runs.at(-1);
      const takes = step.takes();
      if (site && before?.site === site) {
        before.steps.push(step);
        before.takes = this.space.store.union(before.takes, takes);
      } else runs.push({ ...(site && { site }), ...(decider && { decider }), steps: [step], takes });
    }
    return { rules: runs, policy: steps.slice(end).map(({ step }) => step) };
  }

  #share(): readonly Share[] {
    const { store } = this.space;
    const first = this.#first;
    const found: Omit<Share, "changes">[] = [];
    let arriving: Diagram | undefined;
    // As in `hop-sets.ts`: what asks for the state is kept apart from what rules take.
    let [left, taken] = [this.space.all, NONE];
    for (const { site, steps, takes } of this.runs) {
      if (this.#isTooLarge()) break;
      if (site) {
        arriving ??= store.intersect(first, store.subtract(left, taken));
        const asks = store.intersect(first, takes);
        const decides = store.intersect(first, store.intersect(store.subtract(takes, taken), left));
        found.push({ site, at: this.at, asks, arriving: store.intersect(arriving, takes), decides });
      }
      if (steps.some(({ byState }) => byState)) left = store.subtract(left, takes);
      else taken = store.union(taken, takes);
    }
    const changes = this.#changes(new Map(found.map(({ site, decides }) => [site, decides])));
    return found.map((share) => ({ ...share, changes: changes.get(share.site) ?? [] }));
  }

  /** From the last line back: of what is left to the lines behind a rule, what they say otherwise than it does. */
  #changes(decided: ReadonlyMap<Site, Diagram>): ReadonlyMap<Site, readonly Change[]> {
    const found = new Map<Site, readonly Change[]>();
    let rest = this.#policyOutcomes();
    for (const { site, steps } of this.runs.toReversed()) {
      if (found.size === decided.size || this.#isTooLarge()) break;
      const decides = site && decided.get(site);
      const behind = rest;
      let own = new Outcomes();
      for (const step of steps.toReversed()) {
        const parts = partsOf(this.#maker, step, step.takes());
        rest = rest.after(this.space, parts);
        own = own.after(this.space, parts);
      }
      if (site && decides) found.set(site, this.#differing(decides, own.parts, behind));
    }
    return found;
  }

  #isTooLarge(): boolean {
    return (this.isExhausted ||= this.space.store.size > MOST_DIAGRAMS);
  }

  /** Of hops with one policy they are the same. */
  #policyOutcomes(): Outcomes {
    const known = POLICIES.get(this.#maker) ?? new Map<string, Outcomes>();
    POLICIES.set(this.#maker, known);
    const decider = this.#policy[0]?.ruling(SAMPLES[this.at.hop.family]).decider;
    const action = decider?.kind === "policy" ? decider.policy : "";
    const made = known.get(action) ?? outcomesOf(this.#maker, this.#policy);
    known.set(action, made);
    return made;
  }

  #differing(decides: Diagram, own: readonly Part[], behind: Outcomes): readonly Change[] {
    const { space } = this;
    return own.flatMap(({ outcome: is, set: said }) => {
      const mine = space.store.intersect(decides, said);
      return behind.parts
        .filter(({ outcome }) => nameOf(outcome) !== nameOf(is))
        .map(({ outcome: would, set }) => ({ is, would, set: space.store.intersect(mine, set) }))
        .filter(({ set }) => isInhabited(space, set));
    });
  }
}

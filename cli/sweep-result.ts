import { z } from "zod";
import type { Agreement, ChainCount } from "../audit/agreement.ts";
import { EXIT } from "../errors.ts";
import { describeDecider, explainHop } from "../policy/explain.ts";
import { flagNames } from "../policy/packet.ts";
import { countFlows, FlowKey, foldFlowKeys } from "../probes/flow-key.ts";
import { Account, type PacketObservation, PacketOutcome, Refusal } from "../probes/observation.ts";
import type { SweepPair } from "./sweep-arguments.ts";

const Count = z.number().int().nonnegative();
const Flows = z.object({ asked: Count, of: Count });

/** Flows that live is not what the model says: what happened, and the model's path with the place that decided. */
const Disagreement = z.object({
  keys: z.array(FlowKey),
  outcome: PacketOutcome,
  verdict: z.enum(["accept", "drop", "reject"]),
  /** What decided, with file:line:column where the files have it. */
  decider: z.string(),
  /** The model's hops in words. */
  path: z.array(z.string()),
  position: z.object({ file: z.string(), line: Count, column: Count, pointer: z.string() }).optional(),
  /** Lines of the live table that took the first of these flows when it was sent once more: `CHAIN RULE`. */
  live: z.array(z.string()),
  /** Files with the frames of that flow, one for each device where it was seen; with `--evidence` alone. */
  frames: z.array(z.string()).optional(),
});
export type Disagreement = z.infer<typeof Disagreement>;

/** One ordered pair: what became of each flow, what counted those that did not arrive, and how that is the model's. */
export const PairResult = z.object({
  from: z.string(),
  to: z.string(),
  source: z.string(),
  dest: z.string(),
  forged: z.boolean(),
  /** What was chosen: the source port, flags of TCP, the source MAC. */
  sport: Count.optional(),
  flags: z.array(z.string()).optional(),
  sourceMac: z.string().optional(),
  flows: Flows,
  durationMs: z.number().nonnegative(),
  outcomes: z.partialRecord(PacketOutcome, z.array(FlowKey)),
  accounts: z.array(Account),
  /** How what is `rejected` was refused, where the answer was seen; of many a sample. */
  refusals: z.array(Refusal),
  unknown: z.array(z.object({ keys: z.array(FlowKey), reason: z.string() })),
  agreed: Count,
  disagreements: z.array(Disagreement),
  /** Chains that stopped more or fewer flows than the model says; of the stopped alone. */
  elsewhere: z.array(z.object({ chain: z.string(), model: Count, kernel: Count })),
});
export type PairResult = z.infer<typeof PairResult>;

/** All that `phx sweep --json` prints. */
export const SweepResult = z.object({
  format: z.literal("phoenix-conformance/sweep/1"),
  /** A lab that stood before, or one that the sweep built and destroyed. */
  lab: z.object({ name: z.string(), standing: z.boolean() }),
  estate: z.string(),
  startedAt: z.iso.datetime(),
  durationMs: z.number().nonnegative(),
  packetsPerSecond: Count,
  /** Whether all flows that were wanted were asked: false where it was interrupted. */
  complete: z.boolean(),
  flows: Flows,
  agreed: Count,
  disagreed: Count,
  unknown: Count,
  pairs: z.array(PairResult),
  exit: z.union([z.literal(EXIT.conformant), z.literal(EXIT.findings), z.literal(EXIT.inconclusive)]),
});
export type SweepResult = z.infer<typeof SweepResult>;

/** Gathers what was seen of one pair, a part of its flows at a time. */
export class PairTally {
  readonly #pair: SweepPair;
  readonly #outcomes = new Map<PacketOutcome, FlowKey[]>();
  readonly #accounts = new Map<string, Account>();
  readonly #refusals = new Map<string, Refusal>();
  readonly #unknown = new Map<string, FlowKey[]>();
  readonly #disagreements = new Map<string, Disagreement>();
  readonly #chains = new Map<string, ChainCount>();
  #asked = 0;
  #agreed = 0;
  #durationMs = 0;

  constructor(pair: SweepPair) {
    this.#pair = pair;
  }

  add(seen: PacketObservation, { agreed, disagreements, chains }: Agreement, durationMs: number): void {
    for (const [outcome, keys = []] of Object.entries(seen.outcomes) as [PacketOutcome, FlowKey[]][])
      this.#outcomes.set(outcome, foldFlowKeys([...(this.#outcomes.get(outcome) ?? []), ...keys]));
    for (const account of seen.accounts) this.#count(account);
    for (const refusal of seen.refusals ?? []) this.#hear(refusal);
    this.#gatherUnknown(seen);
    for (const each of disagreements) this.#gather(each);
    for (const { chain, model, kernel } of chains) {
      const known = this.#chains.get(chain) ?? { model: 0, kernel: 0 };
      this.#chains.set(chain, { chain, model: known.model + model, kernel: known.kernel + kernel });
    }
    this.#asked += countFlows(Object.values(seen.outcomes).flat());
    this.#agreed += agreed;
    this.#durationMs += durationMs;
  }

  result(): PairResult {
    const { from, to, source, dest, forged, keys, sport, flags, sourceMac } = this.#pair;
    return {
      from,
      to,
      source,
      dest,
      forged,
      ...(sport === undefined ? {} : { sport }),
      ...(flags === undefined ? {} : { flags: flagNames(flags) }),
      ...(sourceMac === undefined ? {} : { sourceMac }),
      flows: { asked: this.#asked, of: countFlows(keys) },
      durationMs: this.#durationMs,
      outcomes: Object.fromEntries(this.#outcomes),
      accounts: [...this.#accounts.values()].sort((a, b) => b.gain - a.gain),
      refusals: [...this.#refusals.values()],
      unknown: [...this.#unknown].map(([reason, keys]) => ({ keys, reason })),
      agreed: this.#agreed,
      disagreements: [...this.#disagreements.values()],
      elsewhere: [...this.#chains.values()].filter(({ model, kernel }) => model !== kernel),
    };
  }

  #count(account: Account): void {
    const name = `${account.chain} ${account.rule}`;
    const gain = (this.#accounts.get(name)?.gain ?? 0) + account.gain;
    this.#accounts.set(name, { ...account, gain });
  }

  #hear({ answer, by, at, keys }: Refusal): void {
    const name = `${answer} ${by} ${at}`;
    const known = this.#refusals.get(name)?.keys ?? [];
    this.#refusals.set(name, { answer, by, at, keys: foldFlowKeys([...known, ...keys]) });
  }

  #gatherUnknown({ outcomes: { unknown = [] }, reason = "no reason" }: PacketObservation): void {
    if (unknown.length === 0) return;
    this.#unknown.set(reason, foldFlowKeys([...(this.#unknown.get(reason) ?? []), ...unknown]));
  }

  #gather({ keys, outcome, decision }: Agreement["disagreements"][number]): void {
    const { verdict, decider, hops } = decision;
    const path = hops.map(explainHop);
    const name = JSON.stringify([outcome, verdict, path]);
    const known = this.#disagreements.get(name);
    this.#disagreements.set(name, {
      keys: foldFlowKeys([...(known?.keys ?? []), ...keys]),
      outcome,
      verdict,
      decider: describeDecider(decider),
      path,
      ...("position" in decider ? { position: decider.position } : {}),
      live: [],
    });
  }
}

/** Live differs: another verdict, or another chain than the model's stopped the packet. */
function differs({ disagreements, elsewhere }: PairResult): boolean {
  return disagreements.length > 0 || elsewhere.length > 0;
}

type Known = Pick<SweepResult, "lab" | "estate" | "startedAt" | "durationMs">;

/** The whole: sums over the pairs, and the exit status. `wanted`: flows, of pairs that were not begun too. */
export function sweepResult(known: Known, pairs: readonly PairResult[], wanted: number): SweepResult {
  const sum = (of: (pair: PairResult) => number) => pairs.reduce((total, pair) => total + of(pair), 0);
  const asked = sum(({ flows }) => flows.asked);
  const unknown = sum((pair) => countFlows(pair.outcomes.unknown ?? []));
  const sweptMs = sum(({ durationMs }) => durationMs);
  return {
    format: "phoenix-conformance/sweep/1",
    ...known,
    packetsPerSecond: sweptMs > 0 ? Math.round((asked / sweptMs) * 1000) : 0,
    complete: asked === wanted,
    flows: { asked, of: wanted },
    agreed: sum(({ agreed }) => agreed),
    disagreed: sum(({ disagreements }) => countFlows(disagreements.flatMap(({ keys }) => keys))),
    unknown,
    pairs: [...pairs],
    exit: exitOf(pairs.some(differs), unknown > 0 || asked < wanted),
  };
}

function exitOf(isDifferent: boolean, isOpen: boolean): SweepResult["exit"] {
  if (isDifferent) return EXIT.findings;
  return isOpen ? EXIT.inconclusive : EXIT.conformant;
}

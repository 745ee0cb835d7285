import { agreementOf } from "../audit/agreement.ts";
import type { Lab } from "../lab/lab.ts";
import type { Estate } from "../policy/estate.ts";
import { places } from "../policy/place.ts";
import { countFlows, expandFlowKeys } from "../probes/flow-key.ts";
import { isIp6 } from "../probes/frame.ts";
import type { PacketObservation } from "../probes/observation.ts";
import { PacketEngine } from "../probes/packets.ts";
import type { PacketProbe } from "../probes/probe.ts";
import { record } from "../probes/recorder.ts";
import { forgetReverse } from "../probes/reverse.ts";
import type { SweepPair } from "./sweep-arguments.ts";
import { writeEvidence } from "./sweep-evidence.ts";
import { Parts } from "./sweep-parts.ts";
import { type Disagreement, type PairResult, PairTally } from "./sweep-result.ts";
import { liveLines } from "./sweep-trace.ts";

/** How long an interrupted sweep still waits for the part that is on its way. */
const GRACE_MS = 500;

/** Of a pair so many disagreements are sent again to be traced. */
const MOST_TRACED = 20;

/** Sweeps pair after pair in one lab, until all is asked or it is interrupted. */
export class Sweeper implements Disposable {
  readonly #lab: Lab;
  readonly #estate: Estate;
  readonly #interrupted: AbortSignal;
  readonly #evidence: string | undefined;
  readonly #grace: Promise<undefined>;
  #engine: PacketEngine | undefined;

  /** `evidence`: a folder for the frames of what differs. */
  constructor(lab: Lab, estate: Estate, interrupted: AbortSignal, evidence?: string) {
    this.#lab = lab;
    this.#estate = estate;
    this.#interrupted = interrupted;
    this.#evidence = evidence;
    this.#grace = new Promise((resolve) => {
      interrupted.addEventListener("abort", () => setTimeout(resolve, GRACE_MS, undefined), { once: true });
    });
  }

  [Symbol.dispose](): void {
    // A part that was not waited for still sends: its sockets end with the process.
    if (!this.#interrupted.aborted) this.#engine?.close();
  }

  /** Asks all flows of a pair, a part at a time; `onPart` hears how many were asked each time. */
  async sweep(pair: SweepPair, onPart: (flows: number) => void): Promise<PairResult> {
    forgetReverse(this.#lab, { kind: "packets", ...pair });
    const tally = new PairTally(pair);
    const parts = new Parts(pair.keys);
    for (let keys = parts.next(); keys && !this.#interrupted.aborted; keys = parts.next()) {
      const since = performance.now();
      const seen = await this.#observe({ kind: "packets", ...pair, keys });
      if (seen === undefined) break;
      const durationMs = performance.now() - since;
      tally.add(seen, agreementOf(this.#estate, seen, pair), durationMs);
      parts.took(performance.now() - since);
      onPart(countFlows(keys));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.#traced(pair, tally.result());
  }

  /** Sends a flow of each disagreement once more, to name the live lines that took it. */
  async #traced(pair: SweepPair, result: PairResult): Promise<PairResult> {
    const disagreements: Disagreement[] = [];
    for (const [index, each] of result.disagreements.entries()) {
      const isTraced = index < MOST_TRACED && !this.#interrupted.aborted;
      disagreements.push(isTraced ? await this.#trace(pair, each) : each);
    }
    return { ...result, disagreements };
  }

  async #trace(pair: SweepPair, differing: Disagreement): Promise<Disagreement> {
    const [key = "tcp/1"] = expandFlowKeys(differing.keys.slice(0, 1));
    const probe: PacketProbe = { kind: "packets", ...pair, keys: [key] };
    const send = () => this.#observe(probe);
    const live = await liveLines(this.#lab, isIp6(pair.dest) ? 6 : 4, send);
    if (this.#evidence === undefined) return { ...differing, live };
    const frames = writeEvidence(this.#evidence, pair, key, await record(this.#lab, probe, send));
    return { ...differing, live, frames };
  }

  /** Undefined where the sweep was interrupted before the answer was there. */
  async #observe(probe: PacketProbe): Promise<PacketObservation | undefined> {
    const ids = places(this.#estate).map(({ id }) => id);
    this.#engine ??= await PacketEngine.open(this.#lab, ids);
    const observing = this.#engine.observe(probe).catch((error: unknown) => {
      // Ctrl-C reaches the programs too that read the rules: what they say then is no fault.
      if (this.#interrupted.aborted) return undefined;
      throw error;
    });
    return Promise.race([observing, this.#grace]);
  }
}

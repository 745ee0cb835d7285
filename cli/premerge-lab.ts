import { Observations } from "../audit/control.ts";
import type { ChangeAsked, PairAsked } from "../audit/twice/ask.ts";
import { apply } from "../converge/apply.ts";
import { networkPlan } from "../converge/network.ts";
import type { SideName } from "../policy/diff/hops.ts";
import type { Estate } from "../policy/estate.ts";
import { places } from "../policy/place.ts";
import { isIp6 } from "../probes/frame.ts";
import type { PacketObservation } from "../probes/observation.ts";
import { PacketEngine } from "../probes/packets.ts";
import { encodePcap } from "../probes/pcap.ts";
import type { PacketProbe } from "../probes/probe.ts";
import { record } from "../probes/recorder.ts";
import { forgetReverse } from "../probes/reverse.ts";
import { createLab, type Lab } from "../lab/lab.ts";
import { needsNode6, openIp6 } from "./sweep-ip6.ts";
import { liveLines } from "./sweep-trace.ts";

/** One packet of a change, sent once more on a side: the lines that ended its way, and its frames by device. */
export interface Watched {
  readonly live: readonly string[];
  readonly files: readonly { readonly name: string; readonly bytes: Buffer }[];
}

/** What a lab of one side gave: an observation for each probe, and for some pairs what was watched. */
export interface SideSeen {
  readonly observations: readonly PacketObservation[];
  readonly watched: ReadonlyMap<PairAsked, Watched>;
}

/** Of so many changes a packet is sent once more and watched, the first of each. */
const MOST_WATCHED = 8;

/**
 * Builds the network of one side, sends it all that is asked of that side, and takes it down again. A packet of each of the
 * first changes is sent once more, and watched at every device.
 */
export async function askSide(
  side: SideName,
  estate: Estate,
  asked: readonly ChangeAsked[],
): Promise<SideSeen> {
  const probes = probesOf(side, asked);
  await using owned = await createLab(`premerge-${side}-${process.pid}`);
  const { lab } = owned;
  await apply(lab, networkPlan(estate), {});
  if (needsNode6(probes)) await openIp6(lab, estate);
  const engine = await PacketEngine.open(
    lab,
    places(estate).map(({ id }) => id),
  );
  try {
    const observations: PacketObservation[] = [];
    for (const probe of probes) observations.push(await send(lab, engine, probe));
    const watched = new Map<PairAsked, Watched>();
    for (const [pair, probe] of toWatch(side, asked))
      watched.set(pair, await watch(lab, engine, side, probe));
    return { observations, watched };
  } finally {
    engine.close();
  }
}

/** Twins first; each once. */
function probesOf(side: SideName, asked: readonly ChangeAsked[]): readonly PacketProbe[] {
  const pairs = asked.flatMap((each) => each.pairs);
  const all = [
    ...pairs.flatMap(({ twins }) => twins[side] ?? []),
    ...pairs.flatMap(({ probes }) => probes[side] ?? []),
  ];
  return [...new Map(all.map((probe) => [probe.id, probe])).values()];
}

function toWatch(
  side: SideName,
  asked: readonly ChangeAsked[],
): readonly (readonly [PairAsked, PacketProbe])[] {
  return asked.slice(0, MOST_WATCHED).flatMap(({ pairs }): readonly (readonly [PairAsked, PacketProbe])[] => {
    const [first] = pairs;
    const probe = first?.probes[side];
    return first && probe ? [[first, { ...probe, keys: first.inside.slice(0, 1) }]] : [];
  });
}

async function send(lab: Lab, engine: PacketEngine, probe: PacketProbe): Promise<PacketObservation> {
  forgetReverse(lab, probe);
  return engine.observe(probe);
}

async function watch(lab: Lab, engine: PacketEngine, side: SideName, probe: PacketProbe): Promise<Watched> {
  const again = () => send(lab, engine, probe);
  const live = await liveLines(lab, isIp6(probe.dest) ? 6 : 4, again);
  const recordings = await record(lab, probe, again);
  const flow = `${side}-${probe.from}-${probe.to}-${probe.keys.join()}`;
  const files = recordings.map(({ at, frames }) => ({
    name: `${plain(flow)}.${plain(at)}.pcap`,
    bytes: encodePcap(frames),
  }));
  return { live, files };
}

function plain(words: string): string {
  return words.replaceAll(/[^\w.]+/g, "-");
}

/** What a judge reads of both. */
export function seenOf(of: Readonly<Record<SideName, SideSeen>>) {
  return { base: new Observations(of.base.observations), head: new Observations(of.head.observations) };
}

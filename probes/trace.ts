import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FilterCounters } from "../lab/filter-counters.ts";
import type { Lab } from "../lab/lab.ts";
import type { ProbeContext } from "./context.ts";
import { type Counted, gatewayCounters } from "./counters.ts";
import { isIp6 } from "./frame.ts";
import type { FlowTrace, PacketOutcome } from "./observation.ts";
import { PacketEngine } from "./packets.ts";
import { encodePcap } from "./pcap.ts";
import type { PacketProbe } from "./probe.ts";
import { record, type Recording } from "./recorder.ts";
import { forgetReverse } from "./reverse.ts";

/**
 * Sends one flow's packets once more, by an engine of its own, and watches them: the frames at each device as .pcap files
 * in the run's folder, and what each line that took them had counted before and after. Other traffic of that moment counts
 * too. Throws a TypeError for a probe of more than one flow: a defect of the caller.
 */
export async function traceFlow(
  { lab, places, folder }: Pick<ProbeContext, "lab" | "places" | "folder">,
  probe: PacketProbe,
): Promise<FlowTrace> {
  const [key, ...others] = probe.keys;
  if (key === undefined || others.length > 0) throw new TypeError(`${probe.id}: not one flow`);
  const flow = `${probe.from} > ${probe.to} ${key}${probe.forged ? ` from ${probe.source}` : ""}`;
  const node = new FilterCounters(lab, "host", isIp6(probe.dest) ? 6 : 4);
  const engine = await PacketEngine.open(lab, places);
  try {
    forgetReverse(lab, probe);
    const before = await countersOf(lab, node);
    let outcome: PacketOutcome = "unknown";
    const recordings = await record(lab, probe, async () => {
      const { outcomes } = await engine.observe(probe);
      outcome = (Object.keys(outcomes) as PacketOutcome[])[0] ?? "unknown";
    });
    const counters = gained(before, await countersOf(lab, node));
    return { flow, outcome, counters, frames: write(folder, flow, recordings) };
  } finally {
    engine.close();
  }
}

type Line = Pick<Counted, "chain" | "rule" | "count">;

async function countersOf(lab: Lab, node: FilterCounters): Promise<Line[]> {
  return [...(await node.read()), ...gatewayCounters(lab)];
}

/** By place in the table; where it changed meanwhile a line that stands elsewhere says nothing. */
function gained(before: readonly Line[], after: readonly Line[]): FlowTrace["counters"] {
  return after.flatMap(({ chain, rule, count }, index) => {
    const known = before[index];
    if (known?.chain !== chain || known.rule !== rule || known.count >= count) return [];
    return [{ chain, rule, before: known.count, after: count }];
  });
}

/** `wan-801-tcp-8000.host-fwpr801p0.pcap`: a name of which a report makes a link. */
function write(folder: string, flow: string, recordings: readonly Recording[]): string[] {
  return recordings.map(({ at, frames }) => {
    const name = `${nameOf(flow)}.${nameOf(at)}.pcap`;
    writeFileSync(join(folder, name), encodePcap(frames));
    return name;
  });
}

function nameOf(words: string): string {
  return words.replaceAll(/[^\w.]+/g, "-");
}

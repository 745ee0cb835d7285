import { agreementOf } from "../audit/agreement.ts";
import { networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import { SendBatch } from "../lab/batch.ts";
import { flushConntrack } from "../lab/conntrack.ts";
import type { Lab } from "../lab/lab.ts";
import { countFlows } from "../probes/flow-key.ts";
import { Flows } from "../probes/flows.ts";
import type { PacketObservation } from "../probes/observation.ts";
import { PacketEngine } from "../probes/packets.ts";
import type { PacketProbe } from "../probes/probe.ts";
import { Wire } from "../probes/wire.ts";
import { nmapTimes } from "./nmap.ts";

/* How fast the packet engine sweeps all ports along each kind of path, against the rate at which sendmmsg(2) alone, on one
   thread, hands the same frames to the same path with nobody looking. Arguments: how many rounds (default 5; their medians
   count); `--all` every ordered pair instead of one of each kind; `--nmap` nmap (Debian's package) beside it, three
   minutes. */

const ROUNDS = Number(process.argv.slice(2).find((word) => /^\d+$/.test(word)) ?? 5);
const ALL_PORTS = ["tcp/1-65535", "udp/1-65535"];
const OPEN = "802";
const accept = (more: object) => ({ type: "in", action: "ACCEPT", ...more });

interface Ruled {
  readonly host: { readonly firewall: { readonly global_firewall_rules: object[] } };
  readonly lxc: { readonly lxc_configs: Readonly<Record<string, { firewall: { rules: object[] } }>> };
}
const estate = estateWith((files) => {
  const { host, lxc } = files as unknown as Ruled;
  for (const proto of ["tcp", "udp"]) {
    host.firewall.global_firewall_rules.push(accept({ proto, source: "10.0.0.142" }));
    lxc.lxc_configs[OPEN]?.firewall.rules.push(accept({ proto }));
  }
});
const ADDRESSES = new Map([
  ["wan", "203.0.113.10"],
  ["host", "10.0.0.13"],
  ...estate.guests.map(({ id, address }) => [id, address] as const),
]);

/** An ordered pair of each kind of path, to a destination that drops and to one that is open. */
const PAIRS = [
  ["wan", "801"],
  ["wan", OPEN],
  ["102", "801"],
  ["102", OPEN],
  ["801", "host"],
  [OPEN, "host"],
  ["host", "801"],
  ["host", OPEN],
] as const;

function kindOf(from: string, to: string): string {
  const kind = (place: string) => (place === "wan" || place === "host" ? place : "guest");
  const isOpen = to === OPEN || (to === "host" && from === OPEN);
  return `${kind(from)} to ${kind(to)}, ${isOpen ? "delivered" : "dropped"}`;
}

function everyPair(): (readonly [from: string, to: string])[] {
  const places = [...ADDRESSES.keys()];
  return places.flatMap((from) =>
    places.filter((to) => to !== from && to !== "wan").map((to) => [from, to] as const),
  );
}

function probeOf(from: string, to: string, keys: readonly string[]): PacketProbe {
  const [source = "", dest = ""] = [ADDRESSES.get(from), ADDRESSES.get(to)];
  return { kind: "packets", id: `${from} ${to}`, from, to, source, dest, forged: false, keys };
}

interface Timed {
  readonly seconds: number;
  readonly seen: PacketObservation;
}

async function swept(lab: Lab, probe: PacketProbe): Promise<Timed> {
  flushConntrack(lab, "host");
  const engine = await PacketEngine.open(lab, [...ADDRESSES.keys()]);
  const since = performance.now();
  const seen = await engine.observe(probe);
  const seconds = (performance.now() - since) / 1000;
  engine.close();
  return { seconds, seen };
}

/** The same packets, all written before the clock starts, and nobody who captures. */
async function raw(lab: Lab, probe: PacketProbe, room: SendBatch): Promise<number> {
  flushConntrack(lab, "host");
  const wire = await Wire.open(lab, [...ADDRESSES.keys()]);
  const way = wire.way(probe, 19_000);
  way.capture.close();
  const flows = new Flows(probe.keys);
  const stencil = way.stencilFor(room, flows.count);
  for (let slot = 0; slot < flows.count; slot++)
    stencil.write(slot, flows.protos[slot] ?? 0, flows.numbers[slot] ?? 0, slot);
  const refused = new Set([EPERM]);
  const since = performance.now();
  room.send(way.sender, flows.count, refused);
  return (performance.now() - since) / 1000;
}
const EPERM = 1;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

const rate = (count: number, seconds: number) => Math.round(count / seconds).toLocaleString("en");

/** Seconds of a sweep and of the same packets without one, and what was told wrongly or not at all. */
interface Row {
  readonly ports: number;
  readonly own: number;
  readonly alone: number;
  readonly wrong: string;
}

async function compare(lab: Lab, room: SendBatch, from: string, to: string): Promise<Row> {
  const probe = probeOf(from, to, ALL_PORTS);
  const [engines, raws]: [Timed[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    raws.push(await raw(lab, probe, room));
    engines.push(await swept(lab, probe));
  }
  const wrong = engines.map(({ seen }) => exceptions(seen)).find((words) => words !== "") ?? "";
  const own = median(engines.map(({ seconds }) => seconds));
  return { ports: new Flows(probe.keys).count, own, alone: median(raws), wrong };
}

/** Of a kind of path the sums of its pairs. */
function print(kind: string, rows: readonly Row[]): void {
  const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0);
  const [ports, own, alone] = [sum((row) => row.ports), sum((row) => row.own), sum((row) => row.alone)];
  const rates = `${rate(ports, own)} ports/s, sendmmsg alone ${rate(ports, alone)}/s: ${(alone / own).toFixed(2)}`;
  const pairs = `${rows.length} pair${rows.length === 1 ? "" : "s"}`;
  const wrong = rows.map((row) => row.wrong).filter((words) => words !== "");
  console.log(
    `${kind.padEnd(26)} ${rates}   ${pairs}, ${wrong.join("; ") || "0 unknown, as the model says"}`,
  );
}

/** What is unknown, and what is not what the model decides: `12 unknown (why)`. */
function exceptions(seen: PacketObservation): string {
  const unknown = seen.outcomes.unknown ?? [];
  const differing = agreementOf(estate, seen).disagreements;
  return [
    ...(unknown.length > 0 ? [`${countFlows(unknown)} unknown (${seen.reason ?? "no reason"})`] : []),
    ...differing.map(({ keys, outcome }) => `${keys.join(" ")} ${outcome}, which the model denies`),
  ].join("; ");
}

const owned = await networkLab(estate);
try {
  const room = new SendBatch(new Flows(ALL_PORTS).count, 64);
  console.log(
    `131,070 ports a sweep, medians of ${ROUNDS} rounds; the ratio is of rates, engine to sendmmsg alone`,
  );
  const pairs = process.argv.includes("--all") ? everyPair() : PAIRS;
  for (const [kind, group] of Map.groupBy(pairs, ([from, to]) => kindOf(from, to))) {
    const rows: Row[] = [];
    for (const [from, to] of group) rows.push(await compare(owned.lab, room, from, to));
    print(kind, rows);
  }
  if (process.argv.includes("--nmap")) {
    const probe = probeOf("wan", "801", ["tcp/1-65535"]);
    const { seconds } = await swept(owned.lab, probe);
    console.log(`TCP alone, wan to 801: ${seconds.toFixed(2)} s`);
    for (const line of nmapTimes(owned.lab, "wan", probe.dest, seconds)) console.log(line);
  }
  console.log(`most memory resident: ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`);
} finally {
  await owned[Symbol.asyncDispose]();
}

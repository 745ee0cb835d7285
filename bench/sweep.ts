import { spawnSync } from "node:child_process";
import { networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import { SendBatch } from "../lab/batch.ts";
import { flushConntrack } from "../lab/conntrack.ts";
import type { Lab } from "../lab/lab.ts";
import { enter } from "../lab/process.ts";
import { Flows } from "../probes/flows.ts";
import type { PacketObservation } from "../probes/observation.ts";
import { PacketEngine } from "../probes/packets.ts";
import type { PacketProbe } from "../probes/probe.ts";
import { Wire } from "../probes/wire.ts";

/* How fast the packet engine sweeps all ports along each kind of path, against the rate at which sendmmsg(2) alone hands
   the same frames to the same path with nobody looking. Medians of interleaved rounds. Arguments: how many rounds
   (default 5); `--nmap` runs nmap (Debian's package) beside it, which takes two minutes. */

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

const CLASSES = [
  ["wan to guest", "dropped", "wan", "801"],
  ["wan to guest", "delivered", "wan", OPEN],
  ["guest to guest", "dropped", "102", "801"],
  ["guest to guest", "delivered", "102", OPEN],
  ["guest to host", "dropped", "801", "host"],
  ["guest to host", "delivered", OPEN, "host"],
  ["host to guest", "dropped", "host", "801"],
  ["host to guest", "delivered", "host", OPEN],
] as const;

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

async function compare(lab: Lab, room: SendBatch, row: (typeof CLASSES)[number]): Promise<void> {
  const [path, fate, from, to] = row;
  const probe = probeOf(from, to, ALL_PORTS);
  const [engines, raws]: [Timed[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    raws.push(await raw(lab, probe, room));
    engines.push(await swept(lab, probe));
  }
  const [own, alone] = [median(engines.map(({ seconds }) => seconds)), median(raws)];
  const wrong = engines.map(({ seen }) => exceptions(seen, fate)).find((words) => words !== "");
  const count = new Flows(probe.keys).count;
  const figures = `${rate(count, own)} ports/s, sendmmsg alone ${rate(count, alone)}/s: ${(alone / own).toFixed(2)}`;
  console.log(`${`${path}, ${fate}`.padEnd(26)} ${figures}   ${wrong ?? "0 unknown"}`);
}

/** What did not become of all packets of a class: `12 unknown (why)`. */
function exceptions({ outcomes, reason }: PacketObservation, fate: string): string {
  // A guest or a node that drops by default has a few ports open.
  const good = fate === "dropped" ? ["dropped", "delivered", "no-listener"] : ["delivered", "no-listener"];
  const others = Object.entries(outcomes).filter(([outcome]) => !good.includes(outcome));
  return others.map(([outcome, keys]) => `${outcome} ${keys.join(" ")} ${reason ?? ""}`).join("; ");
}

const NMAP = [
  ["-sS", "-p-", "-T4"],
  ["-sS", "-p-", "-T5", "--min-rate", "20000", "--max-retries", "1"],
];

async function compareWithNmap(lab: Lab): Promise<void> {
  const { seconds } = await swept(lab, probeOf("wan", "801", ["tcp/1-65535"]));
  console.log(`TCP alone, wan to 801: ${seconds.toFixed(2)} s`);
  for (const options of NMAP) {
    const [file = "", ...rest] = [...enter(lab, "wan"), "nmap", "-n", "-Pn", ...options];
    const since = performance.now();
    const { status, stderr } = spawnSync(file, [...rest, ADDRESSES.get("801") ?? ""], { encoding: "utf8" });
    const took = (performance.now() - since) / 1000;
    const said =
      status === 0 ? `${took.toFixed(1)} s, ${(took / seconds).toFixed(0)} x the engine's` : stderr;
    console.log(`nmap ${options.join(" ")}: ${said.trim()}`);
  }
}

const owned = await networkLab(estate);
try {
  const room = new SendBatch(new Flows(ALL_PORTS).count, 64);
  console.log(
    `131,070 ports a sweep, medians of ${ROUNDS} rounds; the ratio is of rates, engine to sendmmsg alone`,
  );
  for (const row of CLASSES) await compare(owned.lab, room, row);
  if (process.argv.includes("--nmap")) await compareWithNmap(owned.lab);
  console.log(`most memory resident: ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`);
} finally {
  await owned[Symbol.asyncDispose]();
}

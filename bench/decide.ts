/** Decisions a second on one core for the reference estate, against the 200,000 that a sweep of all pairs needs. */
import { fileURLToPath } from "node:url";
import { decide } from "../policy/decide.ts";
import type { Estate } from "../policy/estate.ts";
import type { Flow } from "../policy/flow.ts";
import { readEstate } from "../policy/read.ts";

const ANCHOR_PER_SECOND = 200_000;
const PORTS = [22, 53, 80, 443, 445, 3128, 8000, 8006, 9000, 9443, 40001];
const ROUNDS = 200;

/** Every ordered pair of places, tcp and udp, each port: as addresses of the estate. */
function flowsOf({ host, guests }: Estate): readonly Flow[] {
  const ends = [{ id: "host", address: host.address }, ...guests];
  const senders = [...ends, { id: "wan", address: "203.0.113.10" }, { id: "lan", address: "10.0.0.50" }];
  return senders.flatMap((from) =>
    ends
      .filter((to) => to.id !== from.id)
      .flatMap((to) =>
        PORTS.flatMap((dport) =>
          (["tcp", "udp"] as const).map((proto) => ({
            from: from.id,
            to: to.id,
            proto,
            source: from.address,
            dest: to.address,
            dport,
          })),
        ),
      ),
  );
}

function secondsOf(estate: Estate, flows: readonly Flow[]): number {
  const start = performance.now();
  for (let round = 0; round < ROUNDS; round++) for (const flow of flows) decide(estate, flow);
  return (performance.now() - start) / 1000;
}

const estate = readEstate(fileURLToPath(new URL("../fixtures/estates/reference", import.meta.url)));
const flows = flowsOf(estate);
secondsOf(estate, flows);
const perSecond = (flows.length * ROUNDS) / secondsOf(estate, flows);
const ratio = (perSecond / ANCHOR_PER_SECOND).toFixed(2);
console.log(
  `decide: ${Math.round(perSecond).toLocaleString("en")}/s over ${flows.length} flows, ${ratio} x ${ANCHOR_PER_SECOND.toLocaleString("en")}/s`,
);

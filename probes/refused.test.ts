import assert from "node:assert/strict";
import { test } from "node:test";
import { networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import { PacketEngine } from "./packets.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const estate = estateWith(({ host }) => {
  host.firewall.global_firewall_rules.push({ type: "out", action: "DROP", proto: "udp", port: "7001:7009" });
});
/** Of these the node's own OUTPUT refuses every second. */
const KEYS = ["icmp/13", "icmp/14", "icmp/15", "icmp/16", "icmp/17", "icmp/18", "ip/47", "ip/58", "ip/99"];

test(
  "what the sender's own rules refuse amid others is counted once, to each of many guests",
  needsRoot,
  async () => {
    await using owned = await networkLab(estate);
    const engine = await PacketEngine.open(owned.lab, ["host", ...estate.guests.map(({ id }) => id)]);
    const common = { kind: "packets", from: "host", source: "10.0.0.13", forged: false } as const;
    for (const round of ["first", "second"])
      for (const { id: to, address: dest } of estate.guests)
        for (const keys of [KEYS, ["udp/6990-7020"]]) {
          const seen = await engine.observe({ ...common, id: `${round} ${to}`, to, dest, keys });
          assert.deepEqual(Object.keys(seen.outcomes), ["dropped"], JSON.stringify(seen));
          assert.equal(
            seen.accounts.reduce((sum, { gain }) => sum + gain, 0),
            seen.sent,
          );
          const own = seen.accounts.find(({ chain }) => chain === "PVEFW-HOST-OUT");
          assert.equal(own?.gain, keys === KEYS ? 4 : 9);
        }
    engine.close();
  },
);

import assert from "node:assert/strict";
import { test } from "node:test";
import { networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import { ETHERNET_BYTES } from "./frame.ts";
import { PacketEngine } from "./packets.ts";
import type { PacketProbe } from "./probe.ts";
import { record } from "./recorder.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const accept = { type: "in", action: "ACCEPT", proto: "udp", port: "9999" };
const estate = estateWith(({ lxc }) => void lxc.lxc_configs["801"].firewall.rules.push(accept));

const FAMILIES = [
  { family: "IPv4", source: "10.0.0.50", dest: "10.0.0.141", etherType: 0x0800, portAt: 20 + 2 },
  { family: "IPv6", source: "2001:db8::32", dest: "2001:db8::8d", etherType: 0x86dd, portAt: 40 + 2 },
] as const;

for (const { family, source, dest, etherType, portAt } of FAMILIES)
  test(
    `the frames of a flow over ${family} are kept at each device that they pass, and no other's`,
    needsRoot,
    async () => {
      await using owned = await networkLab(estate);
      const { lab } = owned;
      const engine = await PacketEngine.open(lab, ["lan", "801"]);
      const ends = { from: "lan", to: "801", source, dest, forged: false } as const;
      const probe = (key: string): PacketProbe => ({ kind: "packets", id: key, ...ends, keys: [key] });
      const recorded = async (key: string) => {
        const recordings = await record(lab, probe(key), () => engine.observe(probe(key)));
        const port = Number(key.split("/")[1]);
        for (const { at, frames } of recordings) {
          assert.ok(
            frames.every(({ bytes }) => bytes.readUInt16BE(ETHERNET_BYTES - 2) === etherType),
            at,
          );
          assert.ok(
            frames.some(({ bytes }) => bytes.readUInt16BE(ETHERNET_BYTES + portAt) === port),
            at,
          );
        }
        return recordings.map(({ at }) => at);
      };
      const denied = await recorded("udp/9998");
      const allowed = await recorded("udp/9999");
      engine.close();
      for (const at of ["lan eth0", "host fwpr801p0", "host fwln801i0"]) assert.ok(denied.includes(at), at);
      assert.ok(!denied.includes("801 eth0"));
      assert.ok(allowed.includes("host veth801i0") && allowed.includes("801 eth0"), allowed.join(", "));
    },
  );

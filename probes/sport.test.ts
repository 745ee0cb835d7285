import assert from "node:assert/strict";
import { test } from "node:test";
import { networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import { ETHERNET_BYTES, ipPacket } from "./frame.ts";
import { PacketEngine } from "./packets.ts";
import type { PacketProbe } from "./probe.ts";
import { type Recording, record } from "./recorder.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const accept = (proto: string) => ({ type: "in", action: "ACCEPT", proto, port: "9999" });
const estate = estateWith((files) => {
  const { lxc } = files as unknown as Ruled;
  lxc.lxc_configs["801"]?.firewall.rules.push(accept("tcp"), accept("udp"));
});
interface Ruled {
  readonly lxc: { readonly lxc_configs: Readonly<Record<string, { firewall: { rules: object[] } }>> };
}

const [SOURCE, DEST] = ["10.0.0.50", "10.0.0.141"];
const KEYS = ["tcp/9998", "tcp/9999", "udp/9998", "udp/9999"];

/** Source and destination port of every packet to the guest, as it passed a device. */
function portsAt({ frames }: Recording): { sport: number; dport: number }[] {
  const sender = Buffer.from(SOURCE.split(".").map(Number));
  return frames.flatMap(({ bytes }) => {
    const packet = ipPacket(bytes.subarray(ETHERNET_BYTES));
    if (!packet?.addresses.subarray(0, 4).equals(sender) || packet.body.length < 4) return [];
    return [{ sport: packet.body.readUInt16BE(0), dport: packet.body.readUInt16BE(2) }];
  });
}

for (const chosen of [53, undefined])
  test(
    `every packet has the source port ${chosen ?? "of the engine"} on every device it passes, and is known by it`,
    needsRoot,
    async () => {
      await using owned = await networkLab(estate);
      const engine = await PacketEngine.open(owned.lab, ["lan", "801"]);
      const ends = { id: "", from: "lan", to: "801", source: SOURCE, dest: DEST, forged: false, keys: KEYS };
      const probe: PacketProbe = { kind: "packets", ...ends, ...(chosen !== undefined && { sport: chosen }) };
      let sport = 0;
      const recordings = await record(owned.lab, probe, async () => {
        const seen = await engine.observe(probe);
        sport = seen.sport;
        assert.deepEqual(seen.outcomes, {
          "no-listener": ["tcp/9999", "udp/9999"],
          dropped: ["tcp/9998", "udp/9998"],
        });
      });
      engine.close();
      const passed = new Map(recordings.map((each) => [each.at, portsAt(each)]));
      for (const at of ["lan eth0", "host eth0", "host fwln801i0"])
        assert.deepEqual(new Set(passed.get(at)?.map(({ dport }) => dport)), new Set([9998, 9999]), at);
      assert.deepEqual(new Set(passed.get("801 eth0")?.map(({ dport }) => dport)), new Set([9999]));
      const sports = new Set([...passed.values()].flat().map((each) => each.sport));
      assert.deepEqual(sports, new Set([chosen ?? sport]));
    },
  );

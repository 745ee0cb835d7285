import assert from "node:assert/strict";
import { test } from "node:test";
import type { Family, Ip } from "../ip.ts";
import { FLAG, type Packet, PORT_PROTOCOLS, TCP } from "../packet.ts";
import { beforePolicy, illegalFlags, reject, smurf } from "../shared-chains.ts";
import { kindOf, STATES } from "./layout.ts";
import type { Diagram } from "./diagram.ts";
import { PacketSet } from "./packet-set.ts";
import { PacketSpace } from "./packet-space.ts";
import { SharedSets } from "./shared-sets.ts";

const BROADCASTS = new Set([0, 0x7fffffff, 0xffffffff, 0x0a0000ff]);
const PORTS = [0, 1, 43, 53, 80, 134, 135, 136, 137, 138, 139, 140, 445, 1023, 1024, 1900, 65_535];
const ADDRESSES: Readonly<Record<Family, readonly Ip[]>> = {
  4: [0, 1, 0x0a000001, 0x0a0000ff, 0x7fffffff, 0xdfffffff, 0xe0000000, 0xefffffff, 0xf0000000, 0xffffffff],
  6: [0n, 1n, (0xff00n << 112n) - 1n, 0xff00n << 112n, (1n << 128n) - 1n],
};

/** Every header at and beside what the chains name, between two ends. */
function* headers(family: Family): Generator<Packet> {
  const base = { family, source: ADDRESSES[family][2] ?? 0, dest: ADDRESSES[family][1] ?? 1, mac: undefined };
  const none = { sport: -1, dport: -1, icmpType: -1, icmpCode: -1, flags: 0 };
  for (const state of STATES)
    for (let proto = 0; proto < 256; proto++)
      if (kindOf(proto) === "icmp")
        for (let type = 0; type < 256; type++)
          for (const icmpCode of [0, 3, 4, 5])
            yield { ...base, ...none, state, proto, icmpType: type, icmpCode };
      else if (PORT_PROTOCOLS.has(proto))
        for (const sport of PORTS)
          for (const dport of PORTS)
            yield { ...base, ...none, state, proto, sport, dport, flags: proto === TCP ? FLAG.SYN : 0 };
      else yield { ...base, ...none, state, proto };
}

/** TCP's flags, all of them, and every pair of ends. */
function* others(family: Family): Generator<Packet> {
  const base = { family, mac: undefined, icmpType: -1, icmpCode: -1, state: "NEW" } as const;
  const ends = { source: ADDRESSES[family][2] ?? 0, dest: ADDRESSES[family][1] ?? 1 };
  for (let flags = 0; flags < 64; flags++)
    for (const sport of [0, 1, 53]) yield { ...base, ...ends, proto: TCP, sport, dport: 80, flags };
  for (const state of STATES)
    for (const source of ADDRESSES[family])
      for (const dest of ADDRESSES[family])
        for (const proto of [1, 6, 17, 47, 58]) {
          const hasPorts = PORT_PROTOCOLS.has(proto);
          const header = {
            sport: hasPorts ? 9 : -1,
            dport: hasPorts ? 9 : -1,
            flags: proto === TCP ? FLAG.SYN : 0,
          };
          const icmp = kindOf(proto) === "icmp" ? { icmpType: 8, icmpCode: 0 } : {};
          yield { ...base, ...header, ...icmp, source, dest, proto, state };
        }
}

function keyOf(ruling: ReturnType<typeof beforePolicy>): string {
  return JSON.stringify(ruling ?? null);
}

for (const family of [4, 6] as const) {
  const space = new PacketSpace(family);
  const shared = new SharedSets(space, BROADCASTS);
  const setOf = (diagram: Diagram) => new PacketSet(space, diagram);

  test(`IPv${family}: Proxmox's own filters take the packets that their words do`, () => {
    const [smurfs, illegal] = [setOf(shared.smurfs), setOf(shared.illegalFlags)];
    for (const packets of [headers(family), others(family)])
      for (const packet of packets) {
        assert.equal(smurfs.has(packet), smurf(packet, BROADCASTS) !== undefined);
        assert.equal(illegal.has(packet), illegalFlags(packet) !== undefined);
      }
  });

  test(`IPv${family}: a policy's shared chain decides by one of the sets, the first, and by none what it leaves`, () => {
    const lines = shared.beforePolicy.map(({ takes, accepts }) => ({ set: setOf(takes), accepts }));
    const rejects = shared.rejects.map(setOf);
    const rulings = new Map<string, string>();
    for (const packets of [headers(family), others(family)])
      for (const packet of packets) {
        const line = lines.findIndex(({ set }) => set.has(packet));
        const part = rejects.findIndex((set) => set.has(packet));
        for (const policy of ["DROP", "REJECT"] as const) {
          const ruling = beforePolicy(policy, packet, BROADCASTS);
          assert.equal(line >= 0, ruling !== undefined, JSON.stringify(ruling));
          assert.equal(lines[line]?.accepts ?? false, ruling?.verdict === "accept");
          const key = `${policy} ${line} ${part}`;
          assert.equal(keyOf(ruling), rulings.get(key) ?? keyOf(ruling), "one ruling for a part of a line");
          rulings.set(key, keyOf(ruling));
        }
        const key = `reject ${part}`;
        const answer = keyOf(reject(packet, BROADCASTS));
        assert.equal(answer, rulings.get(key) ?? answer, "one answer for a part");
        rulings.set(key, answer);
      }
  });
}

/* IPv6 through the real rules of a node that has an address of it, as a sweep's own lab has. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import type { OwnedLab } from "../lab/lab.ts";
import { runBatches, writeSysctls } from "../lab/network.ts";
import { run } from "../lab/process.ts";
import type { PacketObservation } from "./observation.ts";
import { PacketEngine } from "./packets.ts";

const FRIEND = "2001:db8::f";
const rule = (more: object) => ({ type: "in", action: "ACCEPT", ...more });
const estate = estateWith(({ host, lxc }) => {
  host.firewall.global_firewall_rules.push(
    rule({ proto: "tcp", port: "9100" }),
    rule({ proto: "ipv6-icmp", source: FRIEND }),
    rule({ proto: "47" }),
    rule({ proto: "sctp", port: "2905" }),
  );
  lxc.lxc_configs["801"].firewall.rules.push(
    rule({ proto: "udp", port: "9999" }),
    rule({ proto: "tcp", port: "9999", source: FRIEND }),
    rule({ proto: "ipv6-icmp" }),
  );
});
const ADDRESSES = { lan: "2001:db8::32", host: "2001:db8::d", 801: "2001:db8::8d" } as const;
type Place = keyof typeof ADDRESSES;

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };

suite("over IPv6", needsRoot, () => {
  let owned: OwnedLab;
  let engine: PacketEngine;
  before(async () => {
    owned = await networkLab(estate);
    engine = await PacketEngine.open(owned.lab, Object.keys(ADDRESSES));
    const link = await run(owned.lab, undefined, ["ip", "-n", "801", "-o", "link", "show", "dev", "eth0"]);
    const mac = /link\/ether (\S+)/.exec(link)?.[1] ?? assert.fail(link);
    writeSysctls(owned.lab, "host", { "net/ipv6/conf/vmbr0/disable_ipv6": "0" });
    const lines = [
      `addr add ${ADDRESSES.host}/64 dev vmbr0 nodad`,
      `neigh add ${ADDRESSES[801]} lladdr ${mac} dev vmbr0`,
    ];
    await runBatches(owned.lab, [{ namespace: "host", tool: "ip", lines }]);
  });
  after(async () => {
    engine.close();
    await owned[Symbol.asyncDispose]();
  });

  function observe(
    from: Place,
    to: Place,
    keys: readonly string[],
    source: string = ADDRESSES[from],
  ): Promise<PacketObservation> {
    const forged = source !== ADDRESSES[from];
    const [dest, ends] = [ADDRESSES[to], { from: String(from), to: String(to) }];
    return engine.observe({ kind: "packets", id: "ip6", ...ends, source, dest, forged, keys });
  }
  const counted = ({ accounts }: PacketObservation) =>
    accounts.map(({ chain, gain }) => `${chain} ${gain}`).sort();

  test("the node sends to a guest", async () => {
    const seen = await observe("host", 801, ["udp/9998-10000", "tcp/9999", "icmp/128"]);
    assert.deepEqual(seen.outcomes, {
      delivered: ["udp/9999", "icmp/128"],
      dropped: ["udp/9998", "udp/10000", "tcp/9999"],
    });
    assert.deepEqual(counted(seen), ["veth801i0-IN 3"]);
  });

  test("the node hears what its INPUT accepts, a protocol without a port too", async () => {
    const seen = await observe(801, "host", ["tcp/9099-9100", "sctp/2904-2905", "ip/47", "ip/48"]);
    assert.deepEqual(seen.outcomes, {
      delivered: ["tcp/9100", "sctp/2905", "ip/47"],
      dropped: ["tcp/9099", "sctp/2904", "ip/48"],
    });
    assert.deepEqual(counted(seen), ["PVEFW-HOST-IN 3"]);
  });

  test("all ports of TCP to the node are exact", async () => {
    const { outcomes, sent } = await observe(801, "host", ["tcp/1-65535"]);
    assert.equal(sent, 65_535);
    assert.deepEqual(outcomes, {
      delivered: ["tcp/9100"],
      // Proxmox's own line for the port of whois, in the IPv6 half alone.
      rejected: ["tcp/43"],
      dropped: ["tcp/1-42", "tcp/44-9099", "tcp/9101-65535"],
    });
  });

  test("every ICMPv6 type: what opens no flow and is no neighbour discovery is INVALID", async () => {
    const seen = await observe("lan", 801, ["icmp/0-255"]);
    assert.deepEqual(seen.outcomes, {
      delivered: ["icmp/128", "icmp/130-136", "icmp/139", "icmp/143", "icmp/151-152"],
      dropped: ["icmp/0-127", "icmp/129", "icmp/137-138", "icmp/140-142", "icmp/144-150", "icmp/153-255"],
    });
    assert.deepEqual(counted(seen), ["PVEFW-FORWARD 244"]);
  });

  test("a forged source has what rules give its address, at a guest and at the node", async () => {
    assert.deepEqual((await observe("lan", 801, ["tcp/9998-9999"])).outcomes, { dropped: ["tcp/9998-9999"] });
    const forged = await observe("lan", 801, ["tcp/9998-9999"], FRIEND);
    assert.deepEqual([forged.forged, forged.source], [true, FRIEND]);
    assert.deepEqual(forged.outcomes, { delivered: ["tcp/9999"], dropped: ["tcp/9998"] });
    assert.deepEqual((await observe(801, "host", ["icmp/128"])).outcomes, { dropped: ["icmp/128"] });
    assert.deepEqual((await observe(801, "host", ["icmp/128"], FRIEND)).outcomes, {
      delivered: ["icmp/128"],
    });
  });
});

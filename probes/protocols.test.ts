/* Protocols with ports beside TCP and UDP, through the real rules and the real connection tracking of a node. */
import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import type { OwnedLab } from "../lab/lab.ts";
import { AF_INET, SOCK_DGRAM, sendAll, sockaddrIn, socket } from "../lab/libc.ts";
import { within } from "../lab/namespace.ts";
import { run } from "../lab/process.ts";
import { readBack } from "../lab/waits.ts";
import type { PacketObservation } from "./observation.ts";
import { foldFlowKeys } from "./flow-key.ts";
import { PacketEngine } from "./packets.ts";
import { PROTOCOL } from "./token.ts";

const rule = (proto: string, more: object = {}) => ({ type: "in", action: "ACCEPT", proto, ...more });
const estate = estateWith(({ host, lxc }) => {
  host.firewall.global_firewall_rules.push(rule("sctp", { port: "2905" }), rule("dccp", { port: "5004" }));
  lxc.lxc_configs["801"].firewall.rules.push(
    rule("sctp", { port: "2905:2907" }),
    rule("sctp", { port: "7000", action: "REJECT" }),
    rule("dccp", { port: "5004" }),
    // iptables knows ports of UDP-Lite as a list alone.
    rule("udplite", { port: "5004,5006" }),
  );
});
const ADDRESSES = { lan: "10.0.0.50", host: "10.0.0.13", 801: "10.0.0.141" } as const;
type Place = keyof typeof ADDRESSES;

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };

suite("SCTP, DCCP and UDP-Lite", needsRoot, () => {
  let owned: OwnedLab;
  let engine: PacketEngine;
  before(async () => {
    owned = await networkLab(estate);
    engine = await PacketEngine.open(owned.lab, Object.keys(ADDRESSES));
  });
  after(async () => {
    engine.close();
    await owned[Symbol.asyncDispose]();
  });

  function observe(from: Place, to: Place, keys: readonly string[]): Promise<PacketObservation> {
    const [source, dest] = [ADDRESSES[from], ADDRESSES[to]];
    return engine.observe({
      kind: "packets",
      id: `${from} ${to}`,
      from: String(from),
      to: String(to),
      source,
      dest,
      forged: false,
      keys,
    });
  }

  /** What arrived, in whatever words its destination's stack had for it. */
  const arrived = ({ outcomes }: PacketObservation) => ({
    arrived: [...(outcomes.delivered ?? []), ...(outcomes["no-listener"] ?? [])].sort(),
    dropped: outcomes.dropped,
  });

  /* A packet that the kernel can't read, or whose checksum is wrong, is INVALID and dropped before any rule. */
  test("a rule's ports let them in, each as the first packet of a flow; all others are dropped and counted", async () => {
    const seen = await observe("lan", 801, ["sctp/2904-2908", "dccp/5003-5005"]);
    assert.deepEqual(arrived(seen), {
      arrived: ["dccp/5004", "sctp/2905-2907"],
      dropped: ["sctp/2904", "sctp/2908", "dccp/5003", "dccp/5005"],
    });
    assert.deepEqual(
      seen.accounts.map(({ chain, gain }) => `${chain} ${gain}`),
      ["veth801i0-IN 4"],
    );
  });

  const INVALID = ["PVEFW-FORWARD", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP"];
  const invalid = async () =>
    Number(
      /\[(\d+):\d+\] -A PVEFW-FORWARD .*INVALID/.exec(
        await run(owned.lab, "host", ["iptables-legacy-save", "-c"]),
      )?.[1],
    );

  test("UDP-Lite is INVALID to conntrack whatever a rule says, as what the kernel's own stack sends is", async () => {
    const { outcomes, accounts } = await observe("lan", 801, ["udplite/5003-5006"]);
    assert.deepEqual(outcomes, { dropped: ["udplite/5003-5006"] });
    assert.deepEqual(
      accounts.map(({ chain, gain }) => `${chain} ${gain}`),
      ["PVEFW-FORWARD 4"],
    );
    const counted = await invalid();
    const fd = within(owned.lab, "lan", () => socket(AF_INET, SOCK_DGRAM, PROTOCOL.udplite));
    sendAll(fd, [Buffer.from("whatever")], [sockaddrIn(ADDRESSES[801], 5004)]);
    closeSync(fd);
    assert.equal(await readBack(async () => ((await invalid()) > counted ? true : undefined), 1000), true);
  });

  test("where INVALID passes, its rule counts, and a stack takes its checksum for right", async (context) => {
    await run(owned.lab, "host", ["iptables-legacy", "-D", ...INVALID]);
    context.after(() => run(owned.lab, "host", ["iptables-legacy", "-I", ...INVALID]));
    assert.deepEqual((await observe("lan", 801, ["udplite/5003-5004", "udplite/5006"])).outcomes, {
      // Only what is summed rightly is refused; anything else is thrown away in silence.
      "no-listener": ["udplite/5004", "udplite/5006"],
      dropped: ["udplite/5003"],
    });
  });

  test("asked once more they are first packets again, and a REJECT is told from a DROP", async () => {
    for (const _again of [1, 2]) {
      const { outcomes } = await observe("lan", 801, ["sctp/2905", "sctp/6999-7000"]);
      assert.deepEqual(
        { dropped: outcomes.dropped, rejected: outcomes.rejected },
        { dropped: ["sctp/6999"], rejected: ["sctp/7000"] },
      );
    }
  });

  test("the node hears those that its INPUT accepts, and sends its own", async () => {
    assert.deepEqual((await observe("lan", "host", ["sctp/2905-2906", "dccp/5003-5004"])).outcomes, {
      delivered: ["sctp/2905", "dccp/5004"],
      dropped: ["sctp/2906", "dccp/5003"],
    });
    assert.deepEqual(
      arrived(await observe("host", 801, ["sctp/2907-2908", "dccp/5004-5005", "udplite/5006"])),
      {
        arrived: ["dccp/5004", "sctp/2907"],
        dropped: ["sctp/2908", "dccp/5005", "udplite/5006"],
      },
    );
  });

  test("all ports of SCTP are exact", async () => {
    const seen = await observe("lan", 801, ["sctp/1-65535"]);
    assert.equal(seen.sent, 65_535);
    assert.deepEqual(seen.outcomes.unknown, undefined);
    assert.deepEqual(seen.outcomes.rejected, ["sctp/7000"]);
    // Whose refusals came back in time is another question.
    assert.deepEqual(foldFlowKeys(arrived(seen).arrived ?? []), ["sctp/2905-2907"]);
  });

  test("to conntrack each port of SCTP is a flow", async () => {
    await observe("lan", 801, ["sctp/2905-2906"]);
    const tracked = await run(owned.lab, "host", ["cat", "/proc/net/nf_conntrack"]);
    for (const port of [2905, 2906])
      assert.match(
        tracked,
        new RegExp(`sctp +132 .* src=10.0.0.50 dst=10.0.0.141 sport=\\d+ dport=${port} `),
      );
  });
});

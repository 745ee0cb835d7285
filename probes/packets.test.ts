import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, suite, test } from "node:test";
import { boundTcp, networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import type { OwnedLab } from "../lab/lab.ts";
import { run, startDaemon } from "../lab/process.ts";
import type { PacketObservation } from "./observation.ts";
import { PacketEngine } from "./packets.ts";
import type { PacketProbe } from "./probe.ts";

const rule = (more: object) => ({ type: "in", action: "ACCEPT", ...more });
const estate = estateWith(({ host, lxc }) => {
  host.firewall.global_firewall_rules.push(rule({ proto: "47", source: "10.0.0.141" }));
  lxc.lxc_configs["801"].firewall.rules.push(
    rule({ proto: "47" }),
    rule({ action: "REJECT", proto: "tcp", port: "7000:7009" }),
    rule({ action: "REJECT", proto: "udp", port: "7000:7009" }),
    rule({ proto: "udp", port: "9999" }),
    rule({ proto: "tcp", port: "9999" }),
  );
});
const ADDRESSES: Record<string, string> = {
  wan: "203.0.113.10",
  lan: "10.0.0.50",
  host: "10.0.0.13",
  ...Object.fromEntries(estate.guests.map(({ id, address }) => [id, address])),
};

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

function probe(from: string, to: string, keys: readonly string[], source = ADDRESSES[from]): PacketProbe {
  const dest = ADDRESSES[to] ?? assert.fail(to);
  const forged = source !== ADDRESSES[from];
  return {
    kind: "packets",
    id: `${from} ${to}`,
    from,
    to,
    source: source ?? assert.fail(from),
    dest,
    forged,
    keys,
  };
}

/** Sent = captured + accounted, and every key has one outcome. */
async function observe(...given: Parameters<typeof probe>): Promise<PacketObservation> {
  const seen = await engine.observe(probe(...given));
  const accounted = seen.accounts.reduce((sum, { gain }) => sum + gain, 0);
  if (!seen.outcomes.unknown) assert.equal(seen.captured + accounted, seen.sent, JSON.stringify(seen));
  return seen;
}

suite("between a place and a guest", () => {
  test("an allowed port is delivered where somebody listens, and no-listener where nobody does", async (context) => {
    const server = createServer().listen({ fd: boundTcp(owned.lab, "101", "10.0.0.153", 443) });
    context.after(() => server.close());
    await once(server, "listening");
    const { outcomes, accounts } = await observe("wan", "101", ["tcp/80", "tcp/443"]);
    assert.deepEqual(outcomes, { delivered: ["tcp/443"], "no-listener": ["tcp/80"] });
    assert.deepEqual(accounts, []);
  });

  test("every other port is dropped, each counted at the chain that did it", async () => {
    const { outcomes, accounts } = await observe("wan", "101", [
      "tcp/79-82",
      "udp/79-82",
      "tcp/445",
      "icmp/8",
    ]);
    assert.deepEqual(outcomes, {
      dropped: ["tcp/79", "tcp/81-82", "tcp/445", "udp/79-82", "icmp/8"],
      "no-listener": ["tcp/80"],
    });
    const byChain = accounts.map(({ chain, effect, gain }) => `${chain} ${effect} ${gain}`).sort();
    assert.deepEqual(byChain, ["PVEFW-Drop drop 1", "veth101i0-IN drop 8"]);
  });

  test("a whole sweep of TCP is exact", async () => {
    const { outcomes, sent, captured } = await observe("102", "801", ["tcp/1-65535"]);
    assert.equal(sent, 65_535);
    assert.deepEqual(outcomes["no-listener"], ["tcp/3000", "tcp/9999"]);
    assert.deepEqual(outcomes.rejected, ["tcp/7000-7009"]);
    assert.equal(outcomes.unknown, undefined);
    assert.equal(captured, 2);
  });

  test("a REJECT is told from a DROP, also in one probe", async () => {
    const { outcomes, accounts } = await observe("lan", "801", ["tcp/6999-7001", "udp/6999-7001"]);
    assert.deepEqual(outcomes, {
      dropped: ["tcp/6999", "udp/6999"],
      rejected: ["tcp/7000-7001", "udp/7000-7001"],
    });
    const effects = accounts.map(({ effect, gain }) => `${effect} ${gain}`).sort();
    assert.deepEqual(effects, ["drop 2", "reject 2", "reject 2"]);
  });

  test("UDP and other protocols: delivered, or refused by the guest's stack", async () => {
    const { outcomes } = await observe("lan", "801", ["udp/9999", "ip/47", "ip/48", "ip/50"]);
    assert.deepEqual(outcomes, { "no-listener": ["udp/9999", "ip/47"], dropped: ["ip/48", "ip/50"] });
  });

  test("an ICMP message that opens nothing is counted where it is dropped as INVALID", async () => {
    const { outcomes, accounts } = await observe("lan", "801", ["icmp/0-255"]);
    assert.deepEqual(outcomes, { dropped: ["icmp/0-255"] });
    assert.deepEqual(accounts.map(({ chain, gain }) => `${chain} ${gain}`).sort(), [
      "PVEFW-FORWARD 252",
      "veth801i0-IN 4",
    ]);
  });

  test("from guest to guest through both firewalls", async () => {
    const { outcomes } = await observe("101", "102", ["tcp/443", "tcp/444"]);
    assert.deepEqual(outcomes, { "no-listener": ["tcp/443"], dropped: ["tcp/444"] });
  });
});

suite("the node as source and destination", () => {
  test("it hears what its firewall lets in, and what it does not is counted", async () => {
    const { outcomes, accounts } = await observe("lan", "host", ["tcp/53-54", "udp/53-54", "icmp/8"]);
    assert.deepEqual(outcomes, { delivered: ["tcp/53", "udp/53"], dropped: ["tcp/54", "udp/54", "icmp/8"] });
    assert.deepEqual(new Set(accounts.map(({ chain }) => chain)), new Set(["PVEFW-HOST-IN"]));
  });

  test("a protocol without ports is captured too", async () => {
    assert.deepEqual((await observe("801", "host", ["ip/47", "ip/48"])).outcomes, {
      delivered: ["ip/47"],
      dropped: ["ip/48"],
    });
    assert.deepEqual((await observe("802", "host", ["ip/47"])).outcomes, { dropped: ["ip/47"] });
  });

  test("it sends to a guest", async () => {
    const { outcomes } = await observe("host", "801", ["tcp/9998-9999", "udp/9998-9999"]);
    assert.deepEqual(outcomes, {
      dropped: ["tcp/9998", "udp/9998"],
      "no-listener": ["tcp/9999", "udp/9999"],
    });
  });

  test("what its own OUTPUT stops is counted there", async (context) => {
    await run(owned.lab, "host", [
      "iptables-legacy",
      "-I",
      "PVEFW-HOST-OUT",
      "-p",
      "udp",
      "--dport",
      "5555",
      "-j",
      "DROP",
    ]);
    context.after(() => run(owned.lab, "host", ["iptables-legacy", "-D", "PVEFW-HOST-OUT", "1"]));
    const { outcomes, accounts } = await observe("host", "801", ["udp/5555"]);
    assert.deepEqual(outcomes, { dropped: ["udp/5555"] });
    assert.deepEqual(
      accounts.map(({ chain }) => chain),
      ["PVEFW-HOST-OUT"],
    );
  });
});

test("a forged source ends at the gateway's reverse path filter, and is accounted there", async () => {
  const { outcomes, accounts } = await observe("wan", "101", ["tcp/443", "udp/9"], "10.0.0.50");
  assert.deepEqual(outcomes, { dropped: ["tcp/443", "udp/9"] });
  assert.deepEqual(accounts, [
    { chain: "gateway reverse path", rule: "IPReversePathFilter", effect: "drop", gain: 2 },
  ]);
});

suite("what a probe may choose", () => {
  const chosen = (more: Partial<PacketProbe>, from = "lan", to = "801", keys = ["tcp/9998-9999"]) =>
    engine.observe({ ...probe(from, to, keys), ...more });

  test("flags: what opens no connection is answered too, and is known again", async () => {
    const ACK = 0x10;
    const { outcomes, accounts } = await chosen({ flags: ACK });
    assert.deepEqual(outcomes, { dropped: ["tcp/9998"], "no-listener": ["tcp/9999"] });
    assert.deepEqual(
      accounts.map(({ chain }) => chain),
      ["PVEFW-Drop"],
    );
  });

  test("the source port", async () => {
    const { outcomes, sport, accounts } = await chosen({ sport: 53 }, "lan", "801", ["udp/9998-9999"]);
    assert.deepEqual(outcomes, { dropped: ["udp/9998"], "no-listener": ["udp/9999"] });
    assert.equal(sport, 53);
    assert.deepEqual(
      accounts.map(({ chain }) => chain),
      ["PVEFW-Drop"],
    );
  });

  test("the source MAC: a guest's own filter stops another's", async () => {
    const { outcomes, accounts } = await chosen({ sourceMac: "02:00:00:00:00:99" }, "101", "102", [
      "tcp/443",
    ]);
    assert.deepEqual(outcomes, { dropped: ["tcp/443"] });
    assert.deepEqual(
      accounts.map(({ chain }) => chain),
      ["veth101i0-OUT"],
    );
  });

  test("IPv6: what a rule without addresses opens is open there too, the rest is counted by its own table", async () => {
    const six = { source: "fd00::50", dest: "fd00::141" };
    const { outcomes, accounts } = await chosen(six, "lan", "801", [
      "tcp/9998-9999",
      "udp/9998-9999",
      "icmp/128",
    ]);
    assert.deepEqual(outcomes, {
      delivered: ["tcp/9999", "udp/9999"],
      dropped: ["tcp/9998", "udp/9998", "icmp/128"],
    });
    assert.deepEqual(
      accounts.map(({ chain, gain }) => `${chain} ${gain}`),
      ["veth801i0-IN 3"],
    );
  });
});

const LOST = ["-p", "tcp", "--dport", "9999", "-j", "DROP"];

for (const [table, chain] of [
  ["raw", "PREROUTING"],
  ["mangle", "PREROUTING"],
  ["mangle", "FORWARD"],
] as const) {
  test(`what ${table} ${chain} swallows, where nobody counts, is unknown and never dropped`, async (context) => {
    await run(owned.lab, "host", ["iptables-legacy", "-t", table, "-A", chain, ...LOST]);
    context.after(() => run(owned.lab, "host", ["iptables-legacy", "-t", table, "-F"]));
    const { outcomes, reason } = await observe("lan", "801", ["tcp/9997-9999"]);
    assert.deepEqual(outcomes, { dropped: ["tcp/9997-9998"], unknown: ["tcp/9999"] });
    assert.ok(reason);
  });
}

test("rules that are changed in between are read anew", async (context) => {
  assert.deepEqual((await observe("lan", "801", ["tcp/9999"])).outcomes, { "no-listener": ["tcp/9999"] });
  await run(owned.lab, "host", ["iptables-legacy", "-I", "veth801i0-IN", ...LOST]);
  context.after(() => run(owned.lab, "host", ["iptables-legacy", "-D", "veth801i0-IN", ...LOST]));
  const { outcomes, accounts } = await observe("lan", "801", ["tcp/9998-9999"]);
  assert.deepEqual(outcomes, { dropped: ["tcp/9998-9999"] });
  assert.deepEqual(
    accounts.map(({ gain }) => gain),
    [1, 1],
  );
});

test("on a slow link what is still under way is waited for, and never taken for dropped", async (context) => {
  await run(owned.lab, "lan", [
    "tc",
    "qdisc",
    "add",
    "dev",
    "eth0",
    "root",
    "tbf",
    "rate",
    "1mbit",
    "burst",
    "1600",
    "latency",
    "5s",
  ]);
  context.after(() => run(owned.lab, "lan", ["tc", "qdisc", "del", "dev", "eth0", "root"]));
  const { outcomes } = await observe("lan", "801", ["tcp/9900-10000", "udp/9999"]);
  assert.deepEqual(outcomes, {
    dropped: ["tcp/9900-9998", "tcp/10000"],
    "no-listener": ["tcp/9999", "udp/9999"],
  });
});

suite("beside a stream of others' packets that are dropped", () => {
  /* Two at once: as fast as it goes, and one at a time. The victim's port is lost where nobody counts. */
  const NOISE = [":", "read -t 0.003 <> <(:)"];
  before(async () => {
    for (const pause of NOISE) {
      const script = `while :; do echo x >/dev/udp/10.0.0.153/9; ${pause}; done`;
      await startDaemon(owned.lab, "lan", ["bash", "-c", script], { log: "/run/phx/noise.log" });
    }
    await run(owned.lab, "host", ["iptables-legacy", "-t", "mangle", "-A", "PREROUTING", ...LOST]);
  });

  test("no outcome is wrong: what arrives is delivered, what is lost is never called dropped", async () => {
    const noiseSoFar = async () =>
      /\[(\d+):\d+\] -A veth101i0-IN -j DROP/.exec(
        await run(owned.lab, "host", ["iptables-legacy-save", "-c"]),
      )?.[1];
    const before = Number(await noiseSoFar());
    for (let round = 0; round < 40; round++) {
      const { outcomes } = await observe("102", "801", ["tcp/3000", "tcp/3001", "tcp/9999", "tcp/7000"]);
      assert.deepEqual(outcomes["no-listener"], ["tcp/3000"]);
      assert.ok(outcomes.unknown?.includes("tcp/9999"), JSON.stringify(outcomes));
      assert.ok(
        (outcomes.dropped ?? []).every((key) => key === "tcp/3001"),
        JSON.stringify(outcomes),
      );
      assert.ok(
        (outcomes.rejected ?? []).every((key) => key === "tcp/7000"),
        JSON.stringify(outcomes),
      );
      assert.equal(outcomes.delivered, undefined);
    }
    assert.ok(Number(await noiseSoFar()) - before > 40, "there was noise");
  });
});

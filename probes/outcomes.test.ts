import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { after, before, suite, test } from "node:test";
import { boundTcp, networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import { conntrackFill } from "../lab/conntrack.ts";
import type { OwnedLab } from "../lab/lab.ts";
import { AF_INET, bindInet, sendAll, SOCK_DGRAM, sockaddrIn, socket } from "../lab/libc.ts";
import { within } from "../lab/namespace.ts";
import { tcpListeners } from "../lab/network.ts";
import { execute, run, startDaemon } from "../lab/process.ts";
import { awaitReady, BOUND } from "../lab/waits.ts";
import type { PacketObservation, PacketOutcome } from "./observation.ts";
import { PacketEngine } from "./packets.ts";
import type { PacketProbe } from "./probe.ts";

/* Each way in which a connection can fail, told apart; and beside it what a program that takes every failed command for
   "blocked" would have said. */

const accept = (more: object) => ({ type: "in", action: "ACCEPT", ...more });
const estate = estateWith(({ lxc }) => {
  lxc.lxc_configs["802"].firewall.rules.push(
    accept({ action: "REJECT", proto: "tcp", port: "7000" }),
    accept({ action: "REJECT", proto: "udp", port: "7000" }),
    accept({ action: "REJECT", proto: "47" }),
    accept({ action: "DROP", proto: "tcp", port: "6000:6999" }),
    accept({ action: "DROP", proto: "udp", port: "6000:6999" }),
    accept({ proto: "tcp" }),
    accept({ proto: "udp" }),
  );
});
const GUEST = "10.0.0.142";
const SOURCES: Record<string, string> = { wan: "203.0.113.10", lan: "10.0.0.50", host: "10.0.0.13" };

let owned: OwnedLab;
before(async () => {
  owned = await networkLab(estate);
});
after(() => owned[Symbol.asyncDispose]());

const ip = (namespace: string, ...words: string[]) => run(owned.lab, namespace, ["ip", ...words]);

const open = () => PacketEngine.open(owned.lab, ["wan", "lan", "host", "802"]);

function probe(from: string, keys: readonly string[]): PacketProbe {
  const source = SOURCES[from] ?? assert.fail(from);
  return { kind: "packets", id: "", from, to: "802", source, dest: GUEST, forged: false, keys };
}

/** An engine of its own for each: one that has met a broken way waits no longer. */
async function observe(from: string, keys: readonly string[]): Promise<PacketObservation> {
  const engine = await open();
  try {
    return await engine.observe(probe(from, keys));
  } finally {
    engine.close();
  }
}

/** What `nc -z` and an exit status would have said of a port. */
async function naive(from: string, port: number): Promise<"blocked" | "open"> {
  const command = `timeout 0.3 bash -c 'exec 3<>/dev/tcp/${GUEST}/${port}'`;
  return (await execute(owned.lab, from, ["bash", "-c", command])).exitCode === 0 ? "open" : "blocked";
}

interface Case {
  readonly title: string;
  readonly from?: string;
  readonly key: string;
  readonly outcome: PacketOutcome;
  readonly naive: "blocked" | "open";
  readonly refused?: string;
  readonly reason?: RegExp;
  readonly spoil?: () => Promise<unknown>;
  readonly mend?: () => Promise<unknown>;
}

const NOT_ACCOUNTED = /sent is not captured \+ accounted/;
const words = (text: string) => text.split(" ");
const NEXT_HOP = ["neigh", "del", GUEST, "dev", "lan0"];
const MAC = async () => /lladdr (\S+)/.exec(await ip("gateway", "neigh", "show", GUEST))?.[1] ?? "";
let mac = "";

/** A server that does nothing from when it listens: the kernel completes two connections for it, and no more. */
async function startStopped(): Promise<void> {
  const stop = "() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)";
  const script = `require("net").createServer().listen(8082, "${GUEST}", 1, ${stop})`;
  await startDaemon(owned.lab, "802", [process.execPath, "-e", script], { log: "/run/phx/stopped.log" });
  const listens = () => tcpListeners(owned.lab, "802").has(`${GUEST}:8082`) || undefined;
  await awaitReady("the stopped server", "a listener", listens, BOUND.serverReadyMs);
}

async function fillQueue(): Promise<void> {
  const isFull = async () => ((await naive("lan", 8082)) === "blocked" ? true : undefined);
  await awaitReady("the accept queue", "no more room", isFull, BOUND.serverReadyMs);
}

/** A server of another namespace, for as long as its case runs. */
let elsewhere: Server | undefined;

async function listenElsewhere(namespace: string, address: string, port: number): Promise<void> {
  elsewhere = createServer((socket) => socket.destroy()).listen({
    fd: boundTcp(owned.lab, namespace, address, port),
  });
  await once(elsewhere, "listening");
}

/** Another device of the subnet has the guest's address too, and the gateway believes it. */
async function steal(): Promise<void> {
  mac = await MAC();
  const thief = /link\/ether (\S+)/.exec(await ip("lan", "link", "show", "eth0"))?.[1] ?? "";
  await ip("lan", "addr", "add", `${GUEST}/32`, "dev", "eth0");
  await believe(thief);
}

async function giveBack(): Promise<void> {
  elsewhere?.close();
  await ip("lan", "addr", "del", `${GUEST}/32`, "dev", "eth0");
  await believe(mac);
}

const believe = (lladdr: string) =>
  ip("gateway", "neigh", "replace", GUEST, "lladdr", lladdr, "dev", "lan0", "nud", "permanent");

/** The gateway answers itself, in the guest's name. */
const PROXY = ["-p", "tcp", "-d", GUEST, "--dport", "8080", "-j", "REDIRECT", "--to-ports", "8099"];
const proxy = (verb: "-A" | "-D") =>
  run(owned.lab, "gateway", ["iptables-legacy", "-t", "nat", verb, "PREROUTING", ...PROXY]);

const CASES: readonly Case[] = [
  { title: "a listener", key: "tcp/8080", outcome: "delivered", naive: "open" },
  { title: "DROP", key: "tcp/6000", outcome: "dropped", naive: "blocked" },
  {
    title: "REJECT by RST",
    key: "tcp/7000",
    outcome: "rejected",
    naive: "blocked",
    refused: "RST 10.0.0.142",
  },
  {
    title: "REJECT by port-unreachable",
    key: "udp/7000",
    outcome: "rejected",
    naive: "blocked",
    refused: "ICMP 3/3 10.0.0.13",
  },
  {
    // From elsewhere: the kernel limits its ICMP errors to each host (icmp(7), icmp_ratelimit).
    title: "REJECT by host-prohibited",
    from: "wan",
    key: "ip/47",
    outcome: "rejected",
    naive: "blocked",
    refused: "ICMP 3/10 10.0.0.13",
  },
  { title: "no listener", key: "tcp/8081", outcome: "no-listener", naive: "blocked" },
  { title: "a stopped server", key: "tcp/8082", outcome: "delivered", naive: "open", spoil: startStopped },
  { title: "a full accept queue", key: "tcp/8082", outcome: "delivered", naive: "blocked", spoil: fillQueue },
  {
    title: "a blackholed return path",
    from: "wan",
    key: "tcp/8080",
    outcome: "delivered",
    naive: "blocked",
    spoil: () => ip("802", "route", "add", "blackhole", "203.0.113.0/24"),
    mend: () => ip("802", "route", "del", "blackhole", "203.0.113.0/24"),
  },
  {
    title: "a missing route of the gateway",
    from: "wan",
    key: "tcp/8080",
    outcome: "no-route",
    naive: "blocked",
    spoil: () => ip("gateway", "route", "del", "10.0.0.0/24"),
    mend: () => ip("gateway", "route", "add", "10.0.0.0/24", "dev", "lan0", "src", "10.0.0.1"),
  },
  {
    title: "a missing route of the sender",
    from: "host",
    key: "tcp/8080",
    outcome: "no-route",
    naive: "blocked",
    spoil: () => ip("host", "route", "add", "unreachable", GUEST),
    mend: () => ip("host", "route", "del", "unreachable", GUEST),
  },
  {
    title: "a missing neighbour",
    from: "wan",
    key: "tcp/8080",
    outcome: "unknown",
    naive: "blocked",
    reason: /gateway finds no neighbour 10\.0\.0\.142/,
    spoil: async () => {
      mac = await MAC();
      await ip("gateway", ...NEXT_HOP);
      // Nobody answers for the address.
      await ip("802", "link", "set", "eth0", "arp", "off");
    },
    mend: async () => {
      await ip("802", "link", "set", "eth0", "arp", "on");
      await believe(mac);
    },
  },
  {
    title: "a wrong responder with the guest's address, who accepts",
    from: "wan",
    key: "tcp/8080",
    outcome: "unknown",
    naive: "open",
    reason: NOT_ACCOUNTED,
    spoil: async () => {
      await steal();
      await listenElsewhere("lan", GUEST, 8080);
    },
    mend: giveBack,
  },
  {
    title: "a wrong responder with the guest's address, who refuses by RST",
    from: "wan",
    key: "tcp/8080",
    outcome: "unknown",
    naive: "blocked",
    reason: NOT_ACCOUNTED,
    spoil: steal,
    mend: giveBack,
  },
  {
    title: "a proxy on the way that answers in the guest's name",
    from: "wan",
    key: "tcp/8080",
    outcome: "unknown",
    naive: "open",
    reason: NOT_ACCOUNTED,
    spoil: async () => {
      await listenElsewhere("gateway", "203.0.113.1", 8099);
      await proxy("-A");
    },
    mend: async () => {
      elsewhere?.close();
      await proxy("-D");
    },
  },
  {
    title: "REJECT by port-unreachable that no bridge can take back, so that the guest hears it too",
    key: "udp/7000",
    outcome: "rejected",
    naive: "blocked",
    refused: "ICMP 3/3 10.0.0.13",
    spoil: () =>
      ip("host", ...words("neigh replace 10.0.0.50 lladdr 02:00:00:00:00:77 dev vmbr0 nud permanent")),
    mend: () => ip("host", "neigh", "del", "10.0.0.50", "dev", "vmbr0"),
  },
  {
    title: "a prohibited route of the sender",
    from: "host",
    key: "tcp/8080",
    outcome: "no-route",
    naive: "blocked",
    spoil: () => ip("host", "route", "add", "prohibit", GUEST),
    mend: () => ip("host", "route", "del", "prohibit", GUEST),
  },
  {
    title: "a sender whose device is down",
    key: "tcp/8080",
    outcome: "unknown",
    naive: "blocked",
    reason: /1 that the sender could not send/,
    spoil: () => ip("lan", "link", "set", "eth0", "down"),
    mend: () => ip("lan", "link", "set", "eth0", "up"),
  },
  {
    title: "an address that no bridge knows, so that every guest hears the frame and none takes it",
    from: "wan",
    key: "tcp/8080",
    outcome: "unknown",
    naive: "blocked",
    reason: NOT_ACCOUNTED,
    spoil: async () => {
      mac = await MAC();
      await believe("02:00:00:00:00:77");
    },
    mend: () => believe(mac),
  },
];

suite("each outcome is named rightly", () => {
  const server = createServer();
  before(async () => {
    server.listen({ fd: boundTcp(owned.lab, "802", GUEST, 8080) });
    await once(server, "listening");
  });
  after(() => server.close());

  for (const { title, from = "lan", key, outcome, refused, reason, spoil, mend, ...other } of CASES)
    test(`${title}: ${outcome}; an exit status says ${other.naive}`, async () => {
      await spoil?.();
      try {
        const seen = await observe(from, [key]);
        assert.deepEqual(seen.outcomes, { [outcome]: [key] }, JSON.stringify(seen));
        const answers = seen.refusals?.map(({ answer, by }) => `${answer} ${by}`);
        assert.deepEqual(answers, refused === undefined ? undefined : [refused]);
        if (reason) assert.match(seen.reason ?? "", reason);
        const port = Number(key.split("/")[1]);
        if (key.startsWith("tcp/")) assert.equal(await naive(from, port), other.naive);
      } finally {
        await mend?.();
      }
    });

  test("a server that ended: no-listener, as long as its guest stands", async () => {
    server.close();
    assert.deepEqual((await observe("lan", ["tcp/8080"])).outcomes, { "no-listener": ["tcp/8080"] });
    assert.equal(await naive("lan", 8080), "blocked");
  });
});

test("every port of an open guest arrives, and the table of connections stays below half", async () => {
  const { outcomes, captured, sent } = await observe("wan", [
    "tcp/7001-65535",
    "udp/7001-65535",
    "tcp/1-5999",
  ]);
  assert.equal(captured, sent, JSON.stringify(outcomes).slice(0, 500));
  const fill = conntrackFill(owned.lab, "host");
  assert.ok(fill && fill.count <= fill.max / 2, JSON.stringify(fill));
});

test("a table with many live connections of others: exact, and those stay", async () => {
  const others = fillTable(140_000);
  const fill = conntrackFill(owned.lab, "host");
  assert.ok(fill && fill.count > fill.max / 2, `${fill?.count} live`);
  const { outcomes, reason } = await observe("lan", ["tcp/6000-6999", "udp/6000-6999", "tcp/8000-8079"]);
  assert.deepEqual(
    outcomes,
    { dropped: ["tcp/6000-6999", "udp/6000-6999"], "no-listener": ["tcp/8000-8079"] },
    reason,
  );
  const after = conntrackFill(owned.lab, "host");
  assert.ok(after && after.count >= others * 0.99, `${after?.count} of ${others} live`);
});

/** Flows of the node to itself, one datagram each; how many. */
function fillTable(count: number): number {
  const PORTS = 60_000;
  for (let address = 1; address * PORTS < count + PORTS; address++) {
    const fd = within(owned.lab, "host", () => socket(AF_INET, SOCK_DGRAM, 0));
    bindInet(fd, `127.0.0.${address}`, 40_000);
    const ports = Array.from(
      { length: Math.min(PORTS, count - (address - 1) * PORTS) },
      (_, port) => port + 1,
    );
    const to = ports.map((port) => sockaddrIn("127.0.1.1", port));
    const x = Buffer.from("x");
    for (let at = 0; at < ports.length; at += 1024) {
      const some = to.slice(at, at + 1024);
      sendAll(
        fd,
        some.map(() => x),
        some,
      );
    }
  }
  return count;
}

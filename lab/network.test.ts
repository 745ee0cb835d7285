import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { boundTcp, labName } from "../fixtures/network-lab.ts";
import { createLab, type OwnedLab } from "./lab.ts";
import { loadRules, saveRules } from "./netfilter.ts";
import {
  createNamespaces,
  interfaces,
  namespaceExists,
  removeNamespaces,
  runBatches,
  tcpListeners,
} from "./network.ts";
import { run } from "./process.ts";
import { connectTcp, openUdp } from "./socket.ts";

let owned: OwnedLab;
before(async () => {
  owned = await createLab(labName());
  await createNamespaces(owned.lab, ["a", "b"]);
  await runBatches(owned.lab, [
    {
      namespace: "a",
      tool: "ip",
      lines: ["link add eth0 type veth peer name eth0 netns b", "link set lo up"],
    },
    {
      namespace: "a",
      tool: "ip",
      lines: ["addr add 10.0.0.1/24 dev eth0", "addr add 10.0.0.3/24 dev eth0", "link set eth0 up"],
    },
    { namespace: "b", tool: "ip", lines: ["addr add 10.0.0.2/24 dev eth0", "link set eth0 up"] },
  ]);
});
after(() => owned[Symbol.asyncDispose]());

test("namespaces come and go by name", async () => {
  await createNamespaces(owned.lab, ["x", "y"]);
  assert.ok(namespaceExists(owned.lab, "x"));
  await removeNamespaces(owned.lab, ["x", "nowhere", "y"]);
  assert.ok(
    !namespaceExists(owned.lab, "x") && !namespaceExists(owned.lab, "y"),
    "also past one that is not there",
  );
  await assert.rejects(createNamespaces(owned.lab, ["a"]), /\[lab-command\]/);
});

test("a batch that fails is a fault that names the line's reason; forced it goes on", async () => {
  const bad = {
    namespace: "b",
    tool: "ip",
    lines: ["link del none0", "link add made0 type bridge"],
  } as const;
  await assert.rejects(runBatches(owned.lab, [bad]), /none0.*\[lab-command\]/s);
  assert.ok(!interfaces(owned.lab, "b").has("made0"));
  await runBatches(owned.lab, [bad], true);
  assert.ok(interfaces(owned.lab, "b").has("made0"));
});

test("listeners are read back by address and port, of one namespace", async (context) => {
  const server = createServer((socket) => socket.end("hello"));
  context.after(() => server.close());
  server.listen({ fd: boundTcp(owned.lab, "b", "10.0.0.2", 8443) });
  await once(server, "listening");
  assert.deepEqual([...tcpListeners(owned.lab, "b")], ["10.0.0.2:8443"]);
  assert.deepEqual([...tcpListeners(owned.lab, "a")], []);
  const client = connectTcp(owned.lab, "a", "10.0.0.2", 8443, "10.0.0.3");
  assert.equal(String((await once(client, "data"))[0]), "hello");
  assert.equal(client.remoteAddress, "10.0.0.2");
  assert.equal(client.localAddress, "10.0.0.3");
  client.destroy();
});

test("a refused connection and an address of nobody are told apart, and neither leaves the lab", async () => {
  const refused = connectTcp(owned.lab, "a", "10.0.0.2", 9);
  const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNREFUSED");
  const nowhere = connectTcp(owned.lab, "a", "192.0.2.1", 9);
  const [unreachable] = (await once(nowhere, "error")) as [NodeJS.ErrnoException];
  assert.equal(unreachable.code, "ENETUNREACH", "the root namespace's default route is not the lab's");
});

test("datagrams pass between namespaces", async () => {
  const [a, b] = [openUdp(owned.lab, "a"), openUdp(owned.lab, "b")];
  const heard = once(b, "message");
  a.send("ping", b.address().port, "10.0.0.2");
  const [message, peer] = (await heard) as [Buffer, { address: string }];
  assert.deepEqual([String(message), peer.address], ["ping", "10.0.0.1"]);
  a.close();
  b.close();
});

const table = (...lines: string[]) => `*filter\n:INPUT ACCEPT [0:0]\n${lines.join("\n")}\nCOMMIT\n`;

test("rules are swapped in whole, read back without counters, and a broken text changes nothing", async () => {
  const ipset = "create known hash:net\nadd known 10.0.0.0/24\n";
  const rules = { ipset, iptables: table("-A INPUT -p tcp -j ACCEPT"), ip6tables: table() };
  await loadRules(owned.lab, "a", rules);
  const saved = await saveRules(owned.lab, "a");
  assert.match(saved, /^-A INPUT -p tcp -j ACCEPT$/m);
  assert.match(saved, /^add known 10\.0\.0\.0\/24$/m);
  await loadRules(owned.lab, "a", rules);
  await once(connectTcp(owned.lab, "a", "10.0.0.1", 9), "error");
  assert.equal(await saveRules(owned.lab, "a"), saved, "twice, and after traffic, is the same");
  const broken = { ...rules, iptables: table("-A INPUT -j ACCEPT", "-A NOWHERE -j ACCEPT") };
  await assert.rejects(loadRules(owned.lab, "a", broken), /\[lab-command\]/);
  assert.equal(await saveRules(owned.lab, "a"), saved);
  await run(owned.lab, "a", ["iptables-legacy", "-I", "INPUT", "-p", "udp", "-j", "DROP"]);
  assert.notEqual(await saveRules(owned.lab, "a"), saved, "a rule by hand shows");
});

test("sets change with their rules: what is held grows, what no rule holds goes, a refused text leaves no set", async () => {
  const setOf = (name: string, size: number, ...networks: readonly string[]) =>
    `create ${name} hash:net maxelem ${size}\n${networks.map((network) => `add ${name} ${network}\n`).join("")}`;
  const held = (name: string) => table(`-A INPUT -m set --match-set ${name} src -j ACCEPT`);
  const texts = (ipset: string, iptables: string) => ({ ipset, iptables, ip6tables: table() });
  const load = async (ipset: string, iptables: string) => {
    await loadRules(owned.lab, "a", texts(ipset, iptables));
    const saved = await saveRules(owned.lab, "a");
    return saved.match(/^(create \S+|add .*|-A .*)/gm);
  };
  const one = await load(setOf("one", 64, "10.0.0.0/8"), held("one"));
  assert.deepEqual(one, [
    "-A INPUT -m set --match-set one src -j ACCEPT",
    "add one 10.0.0.0/8",
    "create one",
  ]);
  const both = setOf("one", 128, "10.0.0.0/8", "192.0.2.0/24") + setOf("two", 64);
  const lines = [held("one"), held("two")].map((text) => /^-A .*$/m.exec(text)?.[0] ?? "");
  const grown = await load(both, table(...lines));
  assert.deepEqual(grown?.toSorted(), [
    ...lines,
    "add one 10.0.0.0/8",
    "add one 192.0.2.0/24",
    "create one",
    "create two",
  ]);
  const saved = await saveRules(owned.lab, "a");
  for (const refused of [
    texts(setOf("three", 64) + setOf("one", 64, "10.0.0.5/24", "10.0.0.0/24"), held("three")),
    texts(setOf("three", 64) + setOf("one", 64), table("-A INPUT -m nonsense -j ACCEPT")),
  ]) {
    await assert.rejects(loadRules(owned.lab, "a", refused), /\[lab-command\]/);
    assert.equal(await saveRules(owned.lab, "a"), saved);
  }
  await run(owned.lab, "a", ["ipset", "create", "two_swap", "hash:net"]);
  assert.deepEqual(await load(setOf("two", 64), held("two")), [lines[1], "create two"]);
});

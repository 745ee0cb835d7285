import assert from "node:assert/strict";
import { test } from "node:test";
import { worlds } from "../fixtures/vectors.ts";
import { nodeNetwork } from "./node-links.ts";

const linesOf = (hardware: Parameters<typeof nodeNetwork>[0]) =>
  nodeNetwork(hardware).batches.flatMap(({ namespace, tool, lines }) =>
    lines.map((line) => `${namespace} ${tool} ${line}`),
  );

test("a flagged interface hangs on a firewall bridge of its own, a plain one straight on its bridge", () => {
  const { host, nics } = worlds().general;
  const plain = nics.map((nic) => ({ ...nic, flagged: nic.place !== "100i1" }));
  const links = linesOf({ host, nics: plain }).filter((line) => /(fw(br|ln|pr)|tap|veth)100[ip]/.test(line));
  const of = (index: number) => links.filter((line) => new RegExp(`100[ip]${index}\\b`).test(line));
  assert.deepEqual(of(2), [
    "host ip link add fwbr100i2 type bridge forward_delay 0 mcast_snooping 0",
    "host ip link add fwln100i2 type veth peer name fwpr100p2",
    "host ip link set fwln100i2 master fwbr100i2 up",
    "host ip link set fwpr100p2 master vmbr2 up",
    "host ip link set fwbr100i2 up",
    "host ip link add tap100i2 type veth peer name eth0 address 0e:0b:38:ba:b4:21 netns 100i2",
    "host ip link set tap100i2 master fwbr100i2 up",
    "host bridge fdb replace 0e:0b:38:ba:b4:21 dev fwpr100p2 master static",
    "host bridge fdb replace 0e:0b:38:ba:b4:21 dev tap100i2 master static",
  ]);
  assert.deepEqual(of(1), [
    "host ip link add tap100i1 type veth peer name eth0 address 0e:0b:38:b9:b4:21 netns 100i1",
    "host ip link set tap100i1 master vmbr1 up",
    "host bridge fdb replace 0e:0b:38:b9:b4:21 dev tap100i1 master static",
  ]);
});

test("every end has a namespace, a MAC, a mark and a next hop that no other has", () => {
  for (const hardware of Object.values(worlds())) {
    const { ends, namespaces } = nodeNetwork(hardware);
    const hops = linesOf(hardware).filter((line) => line.includes("neigh replace"));
    for (const each of [
      ends.map(({ place }) => place),
      ends.map(({ mac }) => mac),
      ends.map(({ mark }) => `${mark}`),
      hops,
    ])
      assert.equal(new Set(each).size, hardware.nics.length + 2);
    assert.deepEqual(
      namespaces.map(({ name }) => name),
      ["host", ...ends.map(({ place }) => place)],
    );
  }
});

test("the node routes only where it has more than one bridge", () => {
  const forwarding = (hardware: Parameters<typeof nodeNetwork>[0]) =>
    nodeNetwork(hardware).namespaces[0]?.sysctls["net/ipv4/ip_forward"];
  assert.deepEqual([forwarding(worlds().phoenix), forwarding(worlds().general)], ["0", "1"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCorosync } from "./corosync.ts";
import { parseFolder } from "./folder.ts";

const CONF = `logging {
  debug: off
}
nodelist {
  node {
    name: one
    nodeid: 1
    ring0_addr: 10.0.0.13
    ring1_addr: 10.1.0.13
  }
  node {
    name: two
    nodeid: 2
    ring0_addr: 10.0.0.14
    ring1_addr: 10.1.0.14
  }
  node {
    name: three
    nodeid: 3
    ring0_addr: three.example
  }
}
totem {
  cluster_name: lab
  interface {
    linknumber: 0
  }
  version: 2
}
`;
const LINKS = [
  { own: "10.0.0.13", peer: "10.0.0.14" },
  { own: "10.1.0.13", peer: "10.1.0.14" },
];

test("each link that this node shares with another one, by the node's name or its address", () => {
  const expected = { corosync: { multicast: false, links: LINKS }, unresolved: ["three.example"] };
  assert.deepEqual(parseCorosync(CONF, "one", "192.0.2.2"), expected);
  assert.deepEqual(parseCorosync(CONF, undefined, "10.1.0.13"), expected);
});

test("a node that the cluster does not have shares no link", () => {
  assert.deepEqual(parseCorosync(CONF, "four", "192.0.2.2"), { unresolved: [] });
  assert.deepEqual(parseCorosync("{ : }}\n node {", undefined, "10.0.0.13"), { unresolved: [] });
});

test("only the transport udp is multicast", () => {
  const multicast = (transport: string) =>
    parseCorosync(CONF.replace("version: 2", `transport: ${transport}`), "one", "").corosync?.multicast;
  assert.deepEqual([multicast("udp"), multicast("udpu"), multicast("knet")], [true, false, false]);
});

test("a folder's corosync.conf becomes part of its node, and a name that is not resolved a note", () => {
  const texts = new Map([
    ["corosync.conf", CONF],
    ["firewall/cluster.fw", "[OPTIONS]\nenable: 1\n"],
    ["nodes/one/host.fw", "[RULES]\nIN ACCEPT\n"],
  ]);
  const { node, notes } = parseFolder(texts, "pve");
  assert.deepEqual(node.corosync?.links, LINKS);
  assert.ok(notes.some(({ message }) => message.includes("three.example")));
});

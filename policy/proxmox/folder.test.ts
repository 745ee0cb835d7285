import assert from "node:assert/strict";
import { test } from "node:test";
import { HarnessError } from "../../errors.ts";
import { decideOn } from "../decide.ts";
import { parseFolder } from "./folder.ts";
import { parseInterfaces } from "./interfaces.ts";

const CLUSTER = "[OPTIONS]\nenable: 1\n[ALIASES]\nweb 10.0.0.153\n[RULES]\nnone";
const GUEST = "[OPTIONS]\nenable: 1\n[RULES]\nIN ACCEPT -p tcp -dport 80 -dest web\nOUT accept";
const MACHINE = "net0: virtio=52:54:00:10:00:01,bridge=vmbr0,firewall=1";
const CONTAINER = "net0: name=eth0,bridge=vmbr0,hwaddr=52:54:00:67:89:B3,ip=10.0.0.153/24,firewall=1";
const INTERFACES =
  "auto vmbr0\niface vmbr0 inet static\n\taddress 10.0.0.13/24\n\tgateway 10.0.0.1\n\tbridge-ports eno1\n";

const parse = (files: Readonly<Record<string, string>>, node?: string) =>
  parseFolder(new Map(Object.entries(files)), "folder", node);

test("a flat folder with hardware and interfaces: nothing is assumed", () => {
  const { node, notes, ignored } = parse({
    "cluster.fw": CLUSTER,
    "101.fw": GUEST,
    "1001.conf": MACHINE,
    "101.conf": CONTAINER,
    interfaces: INTERFACES,
  });
  assert.deepEqual(notes, []);
  assert.deepEqual(node.host, {
    address: "10.0.0.13",
    bridge: "vmbr0",
    localNetwork: "10.0.0.0/24",
    gateway: "10.0.0.1",
  });
  assert.deepEqual(
    node.nics.map(({ place, kind }) => `${kind} ${place}`),
    ["lxc 101", "vm 1001"],
  );
  assert.deepEqual([...node.guests.keys()], ["101"]);
  assert.equal(node.guests.get("101")?.rules.length, 1);
  assert.deepEqual(
    ignored.map(({ text, position }) => `${position.file}:${position.line} ${text}`),
    ["101.fw:5 OUT accept", "cluster.fw:6 none"],
  );
  const flow = { from: "outside", to: "101", proto: "tcp", source: "10.0.0.50", dest: "10.0.0.153" } as const;
  assert.equal(decideOn(node, { ...flow, dport: 80 }).verdict, "accept");
  assert.equal(decideOn(node, { ...flow, dport: 81 }).verdict, "drop");
});

test("what the files leave open is assumed, with a note each", () => {
  const { node, notes } = parse({ "cluster.fw": CLUSTER, "101.fw": GUEST, "102.fw": "" });
  assert.deepEqual(node.host, { address: "192.0.2.2", bridge: "vmbr0", localNetwork: "192.0.2.0/24" });
  assert.deepEqual(
    node.nics.map(({ place, tap, mac, bridge, flagged }) => [place, tap, mac, bridge, flagged]),
    [
      ["101", "tap101i0", "52:54:00:00:00:65", "vmbr0", true],
      ["102", "tap102i0", "52:54:00:00:00:66", "vmbr0", true],
    ],
  );
  assert.deepEqual([...node.guests.keys()], ["101"]);
  assert.equal(notes.length, 3);
  assert.match(notes[0]?.message ?? "", /guest 101 is not known: assumed a VM with net0/);
  assert.match(notes[2]?.message ?? "", /host's address is not known: assumed 192\.0\.2\.2/);
  assert.deepEqual(
    notes.map(({ control }) => control),
    ["note", "note", "note"],
  );
});

test("the alias local_network says the host's network where nothing else does", () => {
  const alias = (cidr: string) =>
    parse({ "cluster.fw": `[ALIASES]\nlocal_network ${cidr}` }).node.host.localNetwork;
  assert.equal(alias("10.1.2.3/16"), "10.1.0.0/16");
  assert.equal(alias("10.1.2.3"), "10.1.2.3/32");
  assert.equal(alias("2001:db8::/64"), "2001:db8::/64");
});

const TREE = {
  "firewall/cluster.fw": CLUSTER,
  "firewall/101.fw": GUEST,
  "firewall/102.fw": GUEST,
  "firewall/103.fw": GUEST,
  "nodes/pve1/host.fw": "[OPTIONS]\nenable: 0",
  "nodes/pve1/lxc/101.conf": CONTAINER,
  "nodes/pve1/qemu-server/1001.conf": MACHINE,
  interfaces: INTERFACES,
};

test("/etc/pve's tree: the node's own guests, and no guest that nobody has", () => {
  const { node, notes } = parse({ ...TREE, "nodes/pve2/lxc/102.conf": CONTAINER }, "pve1");
  assert.deepEqual(
    node.nics.map(({ place, kind }) => `${kind} ${place}`),
    ["lxc 101", "vm 1001"],
  );
  assert.deepEqual([...node.guests.keys()], ["101"]);
  assert.equal(node.hostFile.options.get("enable")?.value, "0");
  assert.equal(node.guests.get("101")?.position.file, "firewall/101.fw");
  assert.deepEqual(
    notes.map(({ message }) => message.replace("not of this node: ", "")),
    ["guest 102 is on the node pve2", "no node has a guest 103"],
  );
});

test("several nodes: one must be named, and be there", () => {
  const files = { ...TREE, "nodes/pve2/host.fw": "" };
  const refused = (name: string | undefined, actual: RegExp) =>
    assert.throws(
      () => parse(files, name),
      (error) =>
        error instanceof HarnessError && error.code === "estate-ambiguous" && actual.test(error.message),
    );
  refused(undefined, /found pve1, pve2/);
  refused("pve3", /expected the node pve3, found pve1, pve2/);
  assert.equal(parse(files, "pve2").node.nics.length, 0);
  assert.equal(parse(TREE).node.nics.length, 2);
  assert.equal(parse({ "cluster.fw": CLUSTER }).node.nics.length, 0);
});

test("the host's address in /etc/network/interfaces", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["", undefined],
    ["iface eno1 inet static\naddress 10.0.0.1/24", undefined],
    ["iface vmbr0 inet manual\niface vmbr0 inet6 static\naddress 2001:db8::1/64", undefined],
    ["iface vmbr0 inet static\naddress nonsense", undefined],
    [
      "iface vmbr1 inet static\r\n  address 10.1.0.1\r\n  netmask 255.255.0.0 # wide\r\n",
      { address: "10.1.0.1", bridge: "vmbr1", localNetwork: "10.1.0.0/16" },
    ],
    [
      "iface vmbr1 inet static\naddress 10.1.0.1\niface lo inet loopback\naddress 127.0.0.1/8\n" +
        "iface vmbr0 inet static\naddress 10.0.0.13\nnetmask 24\ngateway 10.0.0.1",
      { address: "10.0.0.13", bridge: "vmbr0", localNetwork: "10.0.0.0/24", gateway: "10.0.0.1" },
    ],
    [
      "iface vmbr1 inet static\naddress 10.1.0.1",
      { address: "10.1.0.1", bridge: "vmbr1", localNetwork: "10.1.0.1/32" },
    ],
  ];
  for (const [text, expected] of rows) assert.deepEqual(parseInterfaces(text), expected, text);
});

test("a guest that is called as a place, or as another guest's id, is told with its .conf", () => {
  const { notes } = parse({
    "cluster.fw": CLUSTER,
    "101.conf": `hostname: wan\n${CONTAINER}`,
    "102.conf": `name: 101\n${MACHINE}`,
    "103.conf": `name: web\n${MACHINE}`,
    interfaces: INTERFACES,
  });
  assert.deepEqual(
    notes.map(({ message, position }) => `${position.file}: ${message.split(",")[0]}`),
    ["101.conf: the name of guest 101", "102.conf: the name of guest 102"],
  );
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { networkLab } from "../fixtures/network-lab.ts";
import { estateWith } from "../fixtures/reference.ts";
import { makeLinks, sayIn } from "../fixtures/rendered.ts";
import { type Estate, tapOf } from "../policy/estate.ts";
import { fabricLinks, guestLinks } from "./links.ts";

/* One guest without a firewall section: its port stands on vmbr0 itself. */
const estate: Estate = estateWith(({ lxc }) => delete lxc.lxc_configs["802"].firewall);

let owned: Awaited<ReturnType<typeof networkLab>>;
before(async () => {
  owned = await networkLab(estate);
});
after(() => owned[Symbol.asyncDispose]());

const say = (namespace: string, command: string) => sayIn(owned.lab, namespace, command);

interface Link {
  readonly ifname: string;
  readonly address: string;
  readonly master?: string;
  readonly operstate: string;
  readonly linkinfo?: { readonly info_kind: string };
}

async function linksOf(namespace: string): Promise<Map<string, Link>> {
  const links = JSON.parse(await say(namespace, "ip -j -d link")) as Link[];
  return new Map(links.map((link) => [link.ifname, link]));
}

test("a guest with a firewall hangs behind a bridge of its own, as Proxmox names them; one without on vmbr0", async () => {
  const links = await linksOf("host");
  for (const guest of estate.guests) {
    const tap = tapOf(guest);
    const chain = guest.firewall
      ? {
          [tap]: `fwbr${guest.id}i0`,
          [`fwln${guest.id}i0`]: `fwbr${guest.id}i0`,
          [`fwpr${guest.id}p0`]: "vmbr0",
        }
      : { [tap]: "vmbr0" };
    for (const [device, master] of Object.entries(chain)) {
      assert.equal(links.get(device)?.master, master, device);
      assert.equal(links.get(device)?.operstate, "UP", device);
    }
  }
  assert.ok(!links.has("fwbr802i0"));
  assert.ok(links.has("tap1001i0") && links.has("veth101i0"), "a VM has a tap, a container a veth");
});

test("each guest has its address and MAC, and a way to the gateway", async () => {
  for (const { id, address, mac, prefixLength } of estate.guests) {
    const text = await say(id, "ip -o addr show eth0; ip -o link show eth0; ip route");
    assert.ok(text.includes(`inet ${address}/${prefixLength} `), text);
    assert.ok(text.includes(`link/ether ${mac} `), text);
    assert.ok(text.includes("default via 10.0.0.1 dev eth0"), text);
  }
});

test("nothing is connected to what the lab did not make", async () => {
  const namespaces = (await sayIn(owned.lab, undefined, "ls /run/netns")).trim().split("\n");
  assert.deepEqual(
    namespaces.sort(),
    ["gateway", "host", "internet", "lan", "wan", ...estate.guests.map(({ id }) => id)].sort(),
  );
  for (const namespace of namespaces) {
    // `link-netnsid` is another namespace of the lab; a peer outside of it would be init's or the root's.
    const peers = JSON.parse(await say(namespace, "ip -j link")) as {
      link_netnsid?: number;
      link_type: string;
    }[];
    const ids = new Set(peers.flatMap(({ link_netnsid: id }) => (id === undefined ? [] : [id])));
    const known = await say(namespace, "ip netns list-id");
    for (const id of ids) assert.match(known, new RegExp(`^nsid ${id} \\(iproute2 netns name: `, "m"));
  }
});

test("no MAC is used twice, and none of a bridge is a guest's", async () => {
  const given = JSON.stringify([
    fabricLinks(estate, "10.0.0.50"),
    ...estate.guests.map((guest) => guestLinks(estate, guest)),
  ]);
  const made = [...given.matchAll(/address ([0-9a-f:]{17})/g)].map(([, mac]) => mac);
  assert.ok(made.length > estate.guests.length);
  assert.equal(new Set(made).size, made.length);
});

test("the way to every MAC is known before the first frame: nothing floods, nobody is asked", async () => {
  const entries = await say("host", "bridge fdb show br vmbr0");
  for (const guest of estate.guests) {
    const port = guest.firewall ? `fwpr${guest.id}p0` : tapOf(guest);
    assert.match(entries, new RegExp(`^${guest.mac} dev ${port} .*static`, "m"));
  }
  const neighbours = await say("host", "ip neigh show dev vmbr0");
  for (const { address, mac } of estate.guests)
    assert.match(neighbours, new RegExp(`^${address.replaceAll(".", "\\.")} lladdr ${mac} PERMANENT`, "m"));
});

test("a guest's links go without a trace and come back", async () => {
  const before = [...(await linksOf("host")).keys()].sort();
  for (const id of ["101", "802"]) {
    const guest = estate.guests.find((each) => each.id === id) ?? assert.fail(id);
    const links = guestLinks(estate, guest);
    assert.ok(links.kind === "links");
    await makeLinks(owned.lab, links.remove, true);
    const left = [...(await linksOf("host")).keys()].filter((name) => name.includes(id));
    assert.deepEqual(left, []);
    assert.doesNotMatch(await say("host", "ip neigh"), new RegExp(guest.mac));
    assert.doesNotMatch(await say("gateway", "ip neigh; bridge fdb show br lan0"), new RegExp(guest.mac));
    await makeLinks(owned.lab, links.create);
  }
  assert.deepEqual([...(await linksOf("host")).keys()].sort(), before);
});

test("device names fit into the kernel's 15 characters, up to Proxmox's largest id", () => {
  const [guest] = estate.guests;
  assert.ok(guest);
  for (const kind of ["lxc", "vm"] as const) {
    const links = guestLinks(estate, { ...guest, kind, id: "999999999" });
    const names = JSON.stringify(links).match(/\b(fwbr|fwln|fwpr|tap|veth)\d+[ip]\d\b/g) ?? [];
    assert.ok(names.length > 0);
    for (const name of names) assert.ok(name.length <= 15, name);
  }
});

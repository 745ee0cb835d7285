import assert from "node:assert/strict";
import { test } from "node:test";
import { type FirewallTexts, generalNode } from "../fixtures/general-node.ts";
import { ipsetText, setName } from "./ipset.ts";

function linesOf(files: FirewallTexts, set: string): string[] {
  const text = ipsetText(generalNode(files));
  return text.split("\n").filter((line) => line.split(" ")[1] === set);
}

function entriesOf(files: FirewallTexts, set: string): string[] {
  const lines = linesOf(files, set);
  assert.match(lines[0] ?? "", /^create /);
  return lines.slice(1).map((line) => line.slice(`add ${set} `.length));
}

const guestText = (sections: string) => `[OPTIONS]\nenable: 1\n${sections}\n`;
const clusterText = (sections: string) => ({ "cluster.fw": `[OPTIONS]\nenable: 1\n${sections}\n` });

test("a name that would be too long is a hash of it", () => {
  assert.equal(setName("0", "management", 4), "PVEFW-0-management-v4");
  assert.equal(setName("101", "ipfilter-net0", 4), "PVEFW-101-ipfilter-net0-v4");
  assert.equal(setName("1001", "ipfilter-net0", 4), "PVEFW-4A0939FA");
  assert.equal(setName("0", "a-rather-long-name", 6), "PVEFW-6425FE48");
});

test("management stands always and holds the local network, an alias of that name before the node's own", () => {
  assert.deepEqual(entriesOf({}, "PVEFW-0-management-v4"), ["172.16.1.0/24"]);
  assert.deepEqual(entriesOf({}, "PVEFW-0-management-v6"), []);
  const denied = clusterText("[IPSET management]\n10.0.0.1\n!172.16.1.0/24");
  assert.deepEqual(entriesOf(denied, "PVEFW-0-management-v4"), ["10.0.0.1", "172.16.1.0/24"]);
  const alias = clusterText("[ALIASES]\nlocal_network 2001:db8::/32");
  assert.deepEqual(entriesOf(alias, "PVEFW-0-management-v6"), ["2001:db8::/32"]);
});

test("entries stay as written, in halves; an alias is what its scope has, a later entry of one text counts", () => {
  const files = {
    ...clusterText("[ALIASES]\nweb 10.1.2.3\n[IPSET lan]\n10.0.0.5/8\n!web\n2001:DB8:0::1"),
    "101.fw": guestText("[ALIASES]\nweb 10.9.9.9\n[IPSET lan]\n!10.1.2.3\nweb\ndc/web"),
  };
  assert.deepEqual(entriesOf(files, "PVEFW-0-lan-v4"), ["10.0.0.5/8", "10.1.2.3 nomatch"]);
  assert.deepEqual(entriesOf(files, "PVEFW-0-lan-v6"), ["2001:DB8:0::1"]);
  assert.deepEqual(entriesOf(files, "PVEFW-101-lan-v4"), ["10.1.2.3", "10.9.9.9"]);
});

test("an ipfilter set holds the link-local address of its NIC's MAC alone, and a container's addresses", () => {
  const own = ["fe80::0c18:24ff:fe41:2c43", "fe80::/10 nomatch"];
  const implicit = { "200.fw": guestText("ipfilter: 1") };
  assert.deepEqual(entriesOf(implicit, "PVEFW-200-ipfilter-net0-v4"), ["10.0.200.1"]);
  assert.deepEqual(entriesOf(implicit, "PVEFW-200-ipfilter-net0-v6"), own);
  const declared = {
    "200.fw": guestText("[IPSET ipfilter-net0]\n10.0.0.7\n[IPSET ipfilter-net5]\n10.0.0.8"),
  };
  assert.deepEqual(entriesOf(declared, "PVEFW-200-ipfilter-net0-v4"), ["10.0.0.7", "10.0.200.1"]);
  assert.deepEqual(entriesOf(declared, "PVEFW-200-ipfilter-net5-v6"), [], "no such NIC");
  assert.deepEqual(linesOf({ "200.fw": guestText("") }, "PVEFW-200-ipfilter-net0-v4"), []);
});

test("a set grows with its entries", () => {
  const sized = (count: number) => {
    const entries = Array.from({ length: count }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
    return linesOf(clusterText(`[IPSET lan]\n${entries.join("\n")}`), "PVEFW-0-lan-v4")[0]?.split(
      " maxelem ",
    )[1];
  };
  assert.deepEqual([0, 64, 65, 1000].map(sized), ["64", "64", "128", "1024"]);
});

/** What is compiled, a real kernel takes; what Proxmox compiles and the kernel refuses (trap 32), it refuses of us. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type FirewallTexts, generalNode } from "../fixtures/general-node.ts";
import { type RulesLab, rulesLab } from "../fixtures/rules-lab.ts";
import { sharedVectors } from "../fixtures/vectors.ts";
import { nodeOf } from "../policy/proxmox/node.ts";
import { readEstate } from "../policy/read.ts";
import { compileFirewall } from "./firewall.ts";

let lab: RulesLab;
before(async () => {
  lab = await rulesLab();
});
after(() => lab[Symbol.asyncDispose]());

const REFERENCE = fileURLToPath(new URL("../fixtures/estates/reference", import.meta.url));

test("the kernel takes the reference estate, and loading it twice changes nothing", async () => {
  const texts = compileFirewall(nodeOf(readEstate(REFERENCE)));
  assert.equal(await lab.load(texts), undefined);
  const first = await lab.saved();
  assert.equal(await lab.load(texts), undefined);
  assert.equal(await lab.saved(), first);
  for (const hook of ["INPUT", "FORWARD", "OUTPUT"])
    assert.equal(first.split(`-A ${hook} -j PVEFW-${hook}\n`).length, 3, `${hook} hooked once a family`);
  assert.match(first, /^add PVEFW-0-management-v4 10\.0\.0\.0\/24$/m);
  assert.doesNotMatch(first, /_swap/);
});

const ON = "[OPTIONS]\nenable: 1\n";
const EVERYTHING: FirewallTexts = {
  "cluster.fw": `${ON}[ALIASES]\nweb 10.0.0.5/8\n[IPSET blacklist]\n10.0.0.1\n2001:db8::/32\n!2001:db8::1\n[group ga]\nIN ACCEPT -source +blacklist\nOUT Ping(REJECT)\n[RULES]\nGROUP ga -i vmbr0\nIN SixXS(ACCEPT) -source web`,
  "host.fw":
    "[OPTIONS]\ntcpflags: 1\nprotection_synflood: 1\nnf_conntrack_helpers: amanda,ftp,irc,netbios-ns,pptp,sane,sip,snmp,tftp\n",
  "100.fw": `${ON}ips: 1\nips_queues: 0:3\nipfilter: 1\n[RULES]\nGROUP ga\nIN ACCEPT -p sctp -dport 80,443 -sport 1\nIN ACCEPT -p dccp -dport ssh\nIN DROP -p icmp -dport any\nOUT REJECT -p 58\nIN DROP -p udplite -dport 80,443`,
  "200.fw": `${ON}ipfilter: 1\nips: 1\n[IPSET ipfilter-net0]\n!10.0.200.0/24\n[RULES]\nIN NeighborDiscovery(DROP)\nIN DROP -p ip -dest 10.0.0.1-10.0.0.9`,
};

test("every option and form of rule, and a table that is no more asked for goes", async () => {
  const node = generalNode(EVERYTHING);
  assert.equal(
    await lab.load(
      compileFirewall({
        ...node,
        corosync: { multicast: true, links: [{ own: "fd00::1", peer: "fd00::2" }] },
      }),
    ),
    undefined,
  );
  assert.match(await lab.saved(), /CT --helper ftp/);
  assert.match(await lab.saved(), /hashlimit-above 200\/sec/);
  assert.equal(await lab.load(compileFirewall(generalNode({ "cluster.fw": "" }))), undefined);
  assert.doesNotMatch(await lab.saved(), /PVEFW|hashlimit|helper/);
});

test("trap 32: what Proxmox compiles and the kernel refuses leaves the rules before it", async () => {
  assert.equal(await lab.load(compileFirewall(generalNode({}))), undefined);
  const live = await lab.saved();
  const refused: readonly (readonly [files: FirewallTexts, words: RegExp])[] = [
    [{ "101.fw": `${ON}[RULES]\nIN ACCEPT -p udplite -dport 80` }, /--dport/],
    [{ "cluster.fw": `${ON}[IPSET lan]\n10.0.0.5/24\n10.0.0.0/24` }, /already added/],
    [{ "cluster.fw": `${ON}[ALIASES]\nall 0.0.0.0/0\n[IPSET lan]\nall` }, /CIDR/],
    [{ "cluster.fw": `${ON}[ALIASES]\nfar 10.0.0.0/33\n[RULES]\nIN ACCEPT -source far` }, /mask/],
  ];
  for (const [files, words] of refused) {
    assert.match((await lab.load(compileFirewall(generalNode(files)))) ?? "loaded", words);
    assert.equal(await lab.saved(), live);
  }
});

for (const file of ["pve-phoenix.jsonl", "pve-general.jsonl"] as const)
  test(`${file}: the kernel takes every configuration, one after the other`, async (t) => {
    const vectors = sharedVectors(t, file);
    for (const { vector, node } of vectors ?? [])
      assert.equal(await lab.load(compileFirewall(node)), undefined, vector.id);
    assert.doesNotMatch(await lab.saved(), /_swap/);
  });

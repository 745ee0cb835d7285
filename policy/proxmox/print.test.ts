import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { proxmoxFiles } from "../../fixtures/proxmox-files.ts";
import type { Definitions, FileKind, FirewallFile } from "./file.ts";
import { parseFirewallFile } from "./parse.ts";
import { printFirewallFile } from "./print.ts";

/** A file without positions and without what Proxmox ignored. */
function meaning(file: FirewallFile): unknown {
  return JSON.parse(JSON.stringify(file, replacer));
}

function replacer(key: string, value: unknown): unknown {
  if (key === "position" || key === "ignored") return undefined;
  return value instanceof Map ? [...value] : value;
}

/** Printing loses nothing that counts, and what is printed prints the same again. */
function assertStable(kind: FileKind, name: string, text: string, dc?: Definitions): FirewallFile {
  const file = parseFirewallFile(kind, name, text, dc);
  const printed = printFirewallFile(file);
  const again = parseFirewallFile(kind, name, printed, dc);
  assert.deepEqual(meaning(again), meaning(file), text);
  assert.deepEqual(again.ignored, [], printed);
  assert.equal(printFirewallFile(again), printed);
  return file;
}

function kindOf(name: string): FileKind {
  return name === "cluster.fw" ? "cluster" : name === "host.fw" ? "host" : "guest";
}

function assertAllStable(files: Readonly<Record<string, string>>): void {
  const dc = assertStable("cluster", "cluster.fw", files["cluster.fw"] ?? "");
  for (const [name, text] of Object.entries(files)) assertStable(kindOf(name), name, text, dc);
}

test("the canonical text: sections in their order, an empty set too, comments kept", () => {
  const text =
    "[RULES]\n|Out DROP --dport 80 -p tcp #c\n[IPSET Lan] # set\n[ALIASES]\nweb\t10.0.0.5/24\n[group gg]\nIN SSH(ACCEPT) -source +lan\n[OPTIONS]\nLOG_RATELIMIT: 1\nenable: 01\nnonsense\n";
  const printed = printFirewallFile(parseFirewallFile("cluster", "cluster.fw", text));
  const expected =
    "[OPTIONS]\n\nlog_ratelimit: 1\nenable: 1\n\n[ALIASES]\n\nweb 10.0.0.5/24\n\n[IPSET lan] # set\n\n\n[group gg]\n\nIN SSH(ACCEPT) -source +lan\n\n[RULES]\n\n|OUT DROP -p tcp -dport 80 # c\n";
  assert.equal(printed, expected);
  assert.equal(printFirewallFile(parseFirewallFile("cluster", "cluster.fw", "")), "");
});

test("a comment with line ends, blanks and marks stays one comment", () => {
  for (const comment of ["a\nb", " x ", "# y", "a # b", "\r", "[RULES]", "ü\u00a0", "\n[RULES]\nIN ACCEPT"]) {
    const file = parseFirewallFile("guest", "101.fw", "[RULES]\nIN DROP # x\nOUT DROP");
    const rules = file.rules.map((rule) => ({ ...rule, comment }));
    const again = parseFirewallFile("guest", "101.fw", printFirewallFile({ ...file, rules }));
    assert.equal(again.rules.length, 2, comment);
    assert.deepEqual(again.ignored, []);
  }
});

test("the files of the vectors print and parse back", (t) => {
  for (const { files } of proxmoxFiles(t) ?? []) assertAllStable(files);
});

const WORDS = [
  ..."[OPTIONS] [options] [ALIASES] [RULES] [RULES]# [IPSET [GROUP [group ] lan] web] x] \uFEFF".split(" "),
  ..."IN OUT in Forward GROUP group ACCEPT DROP REJECT SSH(ACCEPT) Ping(DROP) DHCPv6(REJECT) dns(accept)".split(
    " ",
  ),
  ..."-p -proto --proto -source --dest -dport --sport -i -log --log -icmp-type".split(" "),
  ..."tcp udp icmp icmpv6 0 17 80 ssh 80:90 1,2 echo-request 8 info net0 vmbr0 eth0.5 bogus".split(" "),
  ..."10.0.0.1 10.0.0.5/24 10.0.0.0/8 10.0.0.1/32 0.0.0.0/0 ::1 2001:db8::/32 10.0.0.1-10.0.0.9".split(" "),
  ..."+lan +Lan +dc/lan +guest/web lan Web dc/web guest/lan ! !10.0.0.0/8 | |IN # ## enable: policy_in:".split(
    " ",
  ),
  ..."1 2 drop log_level_in: nolog log_ratelimit: 1 dhcp: ips_queues: 0:3 layer2_protocols: ARP,IPv4".split(
    " ",
  ),
];
const BETWEEN = [" ", " ", " ", " ", "\n", "\n", "\n", "  ", "\t", "\r\n", "", "\u00a0", "\u2028"];

const wordSoup = fc
  .array(fc.tuple(fc.constantFrom(...WORDS), fc.constantFrom(...BETWEEN)), { maxLength: 80 })
  .map((parts) => parts.map((part) => part.join("")).join(""));

/** Lines that mostly mean something, so that sections hold something. */
const lines = fc
  .array(
    fc.constantFrom(
      ..."[OPTIONS]\n[ALIASES]\n[RULES]\n[IPSET lan]\n[IPSET web] # s\n[GROUP lan]\n[group web]#g".split(
        "\n",
      ),
      ..."lan 10.0.0.1\nweb 2001:db8::/32 # w\nWEB 10.0.0.9/24\nlan ::1\nlan\n!web\ndc/lan\nguest/web".split(
        "\n",
      ),
      ..."IN ACCEPT -source lan\nOUT DROP -dest web -source 10.0.0.1\nIN DROP -source +lan\n|IN SSH(DROP) -source dc/web".split(
        "\n",
      ),
      ..."GROUP lan\nGROUP web -i net0 # x\nFORWARD DROP -dest guest/lan\nIN Ping(ACCEPT) -source web -dest lan".split(
        "\n",
      ),
      ..."enable: 1\nlog_level_in:\npolicy_in: drop\n10.0.0.0/8\n!10.0.0.0/8\n::/0\n# c\n".split("\n"),
    ),
    { maxLength: 40 },
  )
  .map((all) => all.join("\n"));

test("random texts print and parse back in every kind of file", () => {
  const texts = fc.oneof(wordSoup, lines, fc.string({ unit: "binary" }));
  fc.assert(
    fc.property(texts, texts, (cluster, other) =>
      assertAllStable({ "cluster.fw": cluster, "host.fw": other, "101.fw": other }),
    ),
    { numRuns: 3000 },
  );
});

test("mutated files of the vectors print and parse back", (t) => {
  const configurations = proxmoxFiles(t);
  if (!configurations) return;
  const edit = fc.tuple(fc.nat(), fc.nat(12), fc.constantFrom(...WORDS, ...BETWEEN));
  fc.assert(
    fc.property(
      fc.constantFrom(...configurations),
      fc.array(edit, { minLength: 1, maxLength: 12 }),
      ({ files }, edits) =>
        assertAllStable(
          Object.fromEntries(Object.entries(files).map(([name, text]) => [name, mutate(text, edits)])),
        ),
    ),
    { numRuns: 300 },
  );
});

function mutate(text: string, edits: readonly (readonly [number, number, string])[]): string {
  return edits.reduce((changed, [place, cut, put]) => {
    const at = place % (changed.length + 1);
    return changed.slice(0, at) + put + changed.slice(at + cut);
  }, text);
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { generalNode } from "../../fixtures/general-node.ts";
import { estateWith } from "../../fixtures/reference.ts";
import type { Estate } from "../estate.ts";
import { nodeOf } from "../proxmox/node.ts";
import { lint } from "./lint.ts";

const RULES = "[OPTIONS]\nenable: 1\n[RULES]\n";
const lintGuest = (lines: readonly string[], comparisons?: number) =>
  lint(generalNode({ "100.fw": RULES + lines.join("\n") }), { kind: "proxmox", notes: [] }, comparisons);
const lintEstate = (estate: Estate) => lint(nodeOf(estate), { ...estate, kind: "phoenix" });

const address = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
const list = (line: (n: number) => string, length = 5000) =>
  Array.from({ length }, (_, n) => `${line(n)} # c`);

/** As many comparisons as a list of that length may cost: some for each rule, and no more for a longer list. */
const FEW = 5000 * 40;

const LONG: Readonly<Record<string, (n: number) => string>> = {
  "one port from many addresses": (n) => `IN ACCEPT -p tcp -source ${address(n)} -dport 443`,
  "many ports": (n) => `IN ACCEPT -p tcp -dport ${n + 1}`,
  "many networks, a range of ports": (n) => `IN DROP -p udp -source ${address(n * 256)}/24 -dport 80:90`,
  "many IPv6 networks": (n) => `IN DROP -source 2001:db8:${n.toString(16)}::/48`,
  "the same": () => "IN ACCEPT -p tcp -source 10.0.0.1 -dport 80",
  "a macro for many": (n) => `OUT DNS(ACCEPT) -dest ${address(n)}`,
};

for (const [title, line] of Object.entries(LONG)) {
  test(`a long list costs a few comparisons a rule: ${title}`, () => {
    const { complete, findings } = lintGuest(list(line), FEW);
    assert.ok(complete, JSON.stringify(findings.at(-1)));
  });
}

test("where comparing ends before the last rule, the report says from which one on", () => {
  const { complete, findings } = lintGuest(
    list((n) => `IN ACCEPT -p tcp -dport ${5000 - n}:${6000 - (n % 7)}`),
    1000,
  );
  assert.equal(complete, false);
  const unchecked = findings.filter(({ lint: id }) => id === "unchecked");
  assert.equal(unchecked.length, 1);
  const [first] = unchecked;
  assert.ok(first?.level === "note" && first.position.line > 10 && first.position.line < 200);
});

test("findings stand by file, line and column; too many of one kind are counted", () => {
  const { findings } = lintGuest(list(() => "IN ACCEPT -p tcp -dport 80", 1500));
  const places = findings.map(({ position: { file, line } }) => `${file} ${String(line).padStart(6, "0")}`);
  assert.deepEqual(places, places.toSorted());
  const repeated = findings.filter(({ lint: id }) => id === "duplicate-rule");
  assert.equal(repeated.length, 1001);
  assert.equal(
    repeated.reduce((sum, { count }) => sum + count, 0),
    1499,
  );
  assert.match(repeated.at(-1)?.message ?? "", /^499 more of this kind/);
});

/** What only some estates have. */
function withoutForgeable(estate: Estate) {
  return lintEstate(estate).findings.filter(({ lint: id }) => id !== "forgeable-source");
}

test("of the reference estate there is one note: its guests trust sources that can be forged", () => {
  const { findings, complete } = lintEstate(estateWith(() => {}));
  assert.deepEqual(
    [findings.map(({ lint: id, level, subject }) => [id, level, subject]), complete],
    [[["forgeable-source", "note", "the subnet"]], true],
  );
  const trusting = estateWith(({ host, lxc, vm }) => {
    for (const guest of [...Object.values(lxc.lxc_configs), ...vm.vms]) {
      for (const rule of guest.firewall?.rules ?? []) delete rule.source;
    }
    for (const rule of host.firewall.global_firewall_rules) delete rule.source;
  });
  assert.ok(!lintEstate(trusting).findings.some(({ lint: id }) => id === "forgeable-source"));
});

test("a secret is told by its key and place, never by its value", () => {
  const secret = "hunter2-do-not-print";
  const estate = estateWith(({ host, lxc }) => {
    host.portainer_api.admin_password = secret;
    host.portainer_api.ssh_public_key = secret;
    lxc.lxc_configs[801].environment = [{ name: "DB_PASSWORD", value: secret }];
  });
  const findings = withoutForgeable(estate);
  assert.deepEqual(
    findings.map(({ lint: id, message, position }) => [id, message, position.pointer]),
    [
      ["secret-in-file", "admin_password holds a secret", "/portainer_api/admin_password"],
      ["remark", "ssh_public_key is redacted in all output, for its name", "/portainer_api/ssh_public_key"],
      [
        "secret-in-file",
        "/lxc_configs/801/environment/0/value is a secret, by the name beside it",
        "/lxc_configs/801/environment/0/value",
      ],
    ],
  );
  assert.ok(!JSON.stringify(findings).includes(secret));
});

test("what reading noted is told: but not what CFG-001 tells", () => {
  const estate = estateWith(({ lxc }) => {
    lxc.lxc_configs[801].firewall.rules[0].sorce = "10.0.0.12";
    lxc.lxc_configs[801].mac_address = lxc.lxc_configs[802].mac_address;
  });
  const findings = withoutForgeable(estate);
  assert.equal(estate.notes.length, 2);
  assert.deepEqual(findings, []);
  const told = lint(generalNode({}), {
    kind: "proxmox",
    notes: [
      {
        control: "note",
        message: "m",
        remedy: "r",
        position: { file: "x", line: 1, column: 1, pointer: "" },
      },
    ],
  });
  assert.ok(told.findings.some(({ lint: id, remedy }) => id === "remark" && remedy === "r"));
});

test("a guest without a firewall section, or with one that is off", () => {
  const estate = estateWith(({ lxc }) => {
    delete lxc.lxc_configs[801].firewall;
    lxc.lxc_configs[802].firewall.enabled = false;
  });
  const open = lintEstate(estate).findings.filter(({ lint: id }) => id === "unfiltered-guest");
  assert.deepEqual(
    open.map(({ message, position }) => [message, position.pointer]),
    [
      ["guest 801 has no firewall", "/lxc_configs/801"],
      ["the firewall of guest 802 is off: enable: 0", "/lxc_configs/802/firewall/enabled"],
    ],
  );
});

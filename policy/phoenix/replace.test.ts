import assert from "node:assert/strict";
import { test } from "node:test";
import { referenceText } from "../../fixtures/reference.ts";
import type { GuestSection, PhoenixFirewalls } from "../proxmox/phoenix-json.ts";
import { type RawTexts, replaceFirewalls } from "./replace.ts";

const TEXTS: RawTexts = { host: referenceText("host"), lxc: referenceText("lxc"), vm: referenceText("vm") };

interface Guest {
  readonly vmid?: number;
  readonly firewall?: GuestSection;
}

/** The sections that the reference estate has already. */
function own(): { host: PhoenixFirewalls["host"]; guests: Map<string, GuestSection> } {
  const { firewall } = JSON.parse(TEXTS.host) as { firewall: PhoenixFirewalls["host"] };
  const { lxc_configs } = JSON.parse(TEXTS.lxc) as { lxc_configs: Record<string, Guest> };
  const { vms } = JSON.parse(TEXTS.vm) as { vms: Guest[] };
  const all = [...Object.entries(lxc_configs), ...vms.map((vm) => [String(vm.vmid), vm] as const)];
  return {
    host: firewall,
    guests: new Map(all.flatMap(([id, { firewall: each }]) => (each ? [[id, each]] : []))),
  };
}

function replaced(texts: RawTexts, change: (firewalls: ReturnType<typeof own>) => void) {
  const firewalls = own();
  change(firewalls);
  return replaceFirewalls(texts, { ...firewalls, omissions: [] });
}

const DROPS: GuestSection = {
  enabled: true,
  default_input_policy: "DROP",
  default_output_policy: "DROP",
  rules: [{ type: "in", action: "ACCEPT", proto: "tcp", port: "8443", comment: "new" }],
};

test("sections that mean the same stay as they are written, to the byte", () => {
  const spelled = TEXTS.lxc.replace('"port": "9000"', '"port": 9000, "enable": true, "source_note": ""');
  assert.notEqual(spelled, TEXTS.lxc);
  const { texts, changed, removed, undeclared } = replaced({ ...TEXTS, lxc: spelled }, () => {});
  assert.deepEqual([changed, removed, undeclared], [[], [], []]);
  assert.deepEqual(texts, { ...TEXTS, lxc: spelled });
});

test("only lines of the section change: a container's, a VM's, the host's", () => {
  const { texts, changed } = replaced(TEXTS, (firewalls) => {
    firewalls.guests.set("103", DROPS).set("1001", DROPS);
    firewalls.host = { ...firewalls.host, default_input_policy: "REJECT" };
  });
  assert.deepEqual(changed, ["host", "103", "1001"]);
  for (const key of ["host", "lxc", "vm"] as const) {
    const [before, after] = [TEXTS[key].split("\n"), texts[key].split("\n")];
    const first = before.findIndex((line, index) => line !== after[index]);
    const last = before.toReversed().findIndex((line, index) => line !== after.at(-1 - index));
    assert.deepEqual(after.slice(0, first), before.slice(0, first));
    const inside = before.slice(first, before.length - last).join("\n");
    assert.match(inside, key === "host" ? /^ *"default_input_policy": "DROP",$/ : /rules/);
    assert.doesNotMatch(inside, /"(?:name|network_config|mac_address)"/);
  }
  const { lxc_configs } = JSON.parse(texts.lxc) as { lxc_configs: Record<string, Guest> };
  assert.deepEqual(lxc_configs["103"]?.firewall, DROPS);
});

test("a section is made where there is none, and goes where the node has none", () => {
  const { texts, removed } = replaced(TEXTS, ({ guests }) => guests.delete("103"));
  assert.deepEqual(removed, ["103"]);
  const { lxc_configs } = JSON.parse(texts.lxc) as { lxc_configs: Record<string, Guest> };
  assert.equal(lxc_configs["103"]?.firewall, undefined);
  const again = replaced(texts, () => {});
  assert.deepEqual(again.changed, ["103"]);
  assert.deepEqual(JSON.parse(again.texts.lxc), JSON.parse(TEXTS.lxc));
});

test("the host's section is replaced where the file has it, else at /firewall", () => {
  const { firewall, ...rest } = JSON.parse(TEXTS.host) as { firewall: unknown };
  const shared = JSON.stringify({ ...rest, shared_volumes: { firewall: { enabled: false } } }, null, 2);
  const inShared = JSON.parse(replaced({ ...TEXTS, host: shared }, () => {}).texts.host) as Record<
    string,
    unknown
  >;
  assert.deepEqual([inShared["shared_volumes"], inShared["firewall"]], [{ firewall }, undefined]);
  const none = JSON.stringify(rest, null, 2);
  assert.deepEqual(JSON.parse(replaced({ ...TEXTS, host: none }, () => {}).texts.host), {
    ...rest,
    firewall,
  });
});

test("indentation, line ends and a byte order mark stay", () => {
  const tabs = `\uFEFF${TEXTS.lxc.replace(/^ +/gm, (blanks) => "\t".repeat(blanks.length / 2)).replaceAll("\n", "\r\n")}`;
  const { texts } = replaced({ ...TEXTS, lxc: tabs }, ({ guests }) => guests.set("103", DROPS));
  assert.ok(texts.lxc.startsWith("\uFEFF{\r\n\t"));
  assert.doesNotMatch(texts.lxc, /[^\r]\n|\n +/);
  assert.match(texts.lxc, /\r\n\t{6}"port": "8443"/);
});

test("a guest that the files do not declare is told; a template is one that they do", () => {
  const { undeclared, changed, texts } = replaced(TEXTS, ({ guests }) =>
    guests.set("777", DROPS).set("9000", DROPS),
  );
  assert.deepEqual([undeclared, changed], [["777"], ["9000"]]);
  assert.match(texts.vm, /8443/);
});

test("a file on one line stays one; an object without properties, or with all on one line, gets its section there", () => {
  const guests = {
    "101": {},
    "102": { name: "a" },
    "103": { firewall: { enabled: true }, name: "b" },
    "104": { firewall: {} },
  };
  const lxc = JSON.stringify({ lxc_configs: guests, password: "x" });
  const change = (firewalls: ReturnType<typeof own>) => {
    firewalls.guests.clear();
    for (const id of ["101", "102", "103"]) firewalls.guests.set(id, DROPS);
  };
  const { texts } = replaced({ ...TEXTS, lxc }, change);
  assert.ok(!texts.lxc.includes("\n"));
  const wanted = {
    "101": { firewall: DROPS },
    "102": { name: "a", firewall: DROPS },
    "103": { firewall: DROPS, name: "b" },
    "104": {},
  };
  assert.deepEqual(JSON.parse(texts.lxc), { lxc_configs: wanted, password: "x" });
  const lines = replaced({ ...TEXTS, lxc: lxc.replace("{", "{\n  ") }, change).texts.lxc;
  assert.match(lines, /"102":\{"name":"a", "firewall": \{\n {4}"enabled": true,\n/);
  assert.deepEqual(JSON.parse(lines), JSON.parse(texts.lxc));
});

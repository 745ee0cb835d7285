/** What files have in them that would act on a terminal or turn its text around: through each verb that prints of them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Ended, estateFolder, phx } from "../fixtures/phx.ts";

/** ESC, right-to-left override, isolate, zero width space, NEL, CSI, CR. */
const HOSTILE = "\u001b[31m\u202e\u2066\u200b\u0085\u009b\r";
const BARE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/;
/** Of a text without control characters, as a schema asks for. */
const TURNED = "a\u202e\u2066\u200bb";

function harmless({ stdout, stderr }: Ended): string {
  assert.doesNotMatch(stdout + stderr, BARE);
  return stdout + stderr;
}

const EXPLAIN = ["--from", "wan", "--to", "801", "--port", "80"];

test("a key and values in errors of Phoenix files", async () => {
  using estate = estateFolder(({ lxc }) => {
    const guest = lxc.lxc_configs[801];
    lxc.lxc_configs[`1${HOSTILE}`] = guest;
    guest.name = HOSTILE;
    guest.network_config.ip = HOSTILE;
    guest.firewall.rules[0].action = HOSTILE;
  });
  for (const args of [
    ["check", estate.path],
    ["explain", estate.path, ...EXPLAIN],
    ["plan", estate.path],
  ]) {
    const result = await phx(args);
    assert.equal(result.status, 2);
    const said = harmless(result);
    assert.match(said, /\/lxc_configs\/1␛\[31m⟨U\+202E⟩⟨U\+2066⟩⟨U\+200B⟩⟨U\+0085⟩⟨U\+009B⟩␍/);
    assert.match(said, /\/rules\/0\/action: expected .*, found "\\u001b\[31m⟨U\+202E⟩⟨U\+2066⟩/);
    assert.match(said, /\/network_config\/ip: expected /);
  }
});

test("a name and a rule's word in what explain, plan and check say", async () => {
  using estate = estateFolder(({ lxc }) => {
    lxc.lxc_configs[801].name = TURNED;
    lxc.lxc_configs[801].firewall.rules.push({ type: "in", action: "DROP", iface: TURNED });
  });
  const explained = await phx(["explain", estate.path, ...EXPLAIN]);
  assert.equal(explained.status, 0, explained.stderr);
  assert.match(harmless(explained), /a⟨U\+202E⟩⟨U\+2066⟩⟨U\+200B⟩b/);
  for (const args of [
    ["plan", estate.path],
    ["check", estate.path],
  ])
    assert.ok(harmless(await phx(args)).length > 0);
  for (const args of [
    ["plan", "--json", "--full"],
    ["explain", "--json", ...EXPLAIN],
    ["check", "--json"],
    ["check", "--format", "sarif"],
  ]) {
    const [verb = "", ...rest] = args;
    const result = await phx([verb, estate.path, ...rest]);
    harmless(result);
    assert.doesNotThrow(() => JSON.parse(result.stdout));
  }
});

test("a vector's file name, a folder's, a verb's and a flag's", async () => {
  const folder = mkdtempSync(join(tmpdir(), "phx-hostile-"));
  try {
    const vectors = join(folder, `v${TURNED}.jsonl`);
    writeFileSync(
      vectors,
      `{"files":{"${HOSTILE.replace("\r", "\\r").replace("\u001b", "\\u001b")}":"x"}}\n`,
    );
    for (const args of [
      ["vectors", vectors],
      ["check", join(folder, HOSTILE)],
      [HOSTILE],
      ["check", `--${HOSTILE}`],
    ]) {
      const result = await phx(args);
      assert.equal(result.status, 2);
      assert.match(harmless(result), /⟨U\+202E⟩/);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what export and import tell beside their output, and their JSON", async () => {
  using estate = estateFolder(({ lxc, vm }) => {
    lxc.lxc_configs[801].firewall.rules.push({ type: "in", action: "DROP", iface: TURNED });
    vm.vms.push({ vmid: 999, name: TURNED, is_template: true });
  });
  const exported = await phx(["export", "pve", estate.path, "--json"]);
  assert.equal(exported.status, 1, exported.stderr);
  assert.match(harmless(exported), /refused: .*⟨U\+202E⟩/);
  assert.match(exported.stderr, /left out: guest 999 \(a⟨U\+202E⟩/);
  const folder = mkdtempSync(join(tmpdir(), "phx-hostile-"));
  try {
    writeFileSync(
      join(folder, "cluster.fw"),
      `[OPTIONS]\nenable: 1\n[RULES]\nIN ACCEPT -p tcp # ${TURNED}\nIN ${TURNED}\n`,
    );
    const imported = await phx(["import", "pve", folder]);
    assert.match(harmless(imported), /note: .*⟨U\+202E⟩/);
    assert.match(imported.stdout, /a\\u202e/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

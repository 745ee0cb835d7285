import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Ended, estateFolder, phx } from "../fixtures/phx.ts";
import { declaredAt } from "../audit/declared.ts";
import { estateWith, NEWER, SECRETS } from "../fixtures/reference.ts";
import { FILE_NAMES } from "../policy/files.ts";

const printed = (results: readonly Ended[]) =>
  results.map(({ stdout, stderr }) => stdout + stderr).join("\n");

test("no verb prints a secret of the files, in any form; check names its key, file and line", async () => {
  const results = await Promise.all([
    phx(["check", NEWER]),
    phx(["check", NEWER, "--format", "sarif"]),
    phx(["plan", NEWER, "--json", "--full"]),
    phx(["explain", NEWER, "--from", "wan", "--to", "101", "--port", "1", "--json"]),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    [1, 1, 0, 0],
  );
  assert.doesNotMatch(printed(results), SECRETS);
  const [text] = results;
  assert.match(text.stdout, /^phoenix_hypervisor_config\.json:\d+:\d+: .*admin_password/m);
});

test("no error prints a secret, where its value is wrong or the JSON around it is broken", async () => {
  const secret = "hunter2-do-not-print";
  const spoilt = [
    `"portainer_api": { "admin_password": "${secret}" "x", `,
    `"portainer_api": { "admin_password": ${secret}, `,
    `"portainer_api": { "admin_password": "${secret}, `,
    `"firewall": { "token": "${secret}", "enabled": "no" }, "portainer_api": { `,
    `"dns_server": { "key": ["${secret}"], "upstream_servers": { "secret": "${secret}" } }, "portainer_api": { `,
  ];
  const results = await Promise.all(
    spoilt.map(async (text) => {
      using estate = estateFolder();
      const path = join(estate.path, FILE_NAMES.host);
      const host = readFileSync(path, "utf8");
      writeFileSync(path, host.replace('"portainer_api": {', text));
      return await phx(["check", estate.path, "--json"]);
    }),
  );
  for (const { status, stderr } of results) {
    assert.equal(status, 2);
    assert.match(stderr, /^phx: phoenix_hypervisor_config\.json:\d+:\d+/);
  }
  assert.doesNotMatch(printed(results), /hunter2/);
});

const PVE = {
  "cluster.fw": "[OPTIONS]\nenable: 1\n[group web]\nIN ACCEPT -p tcp # password=hunter2\n",
  "100.conf":
    "# secret: hunter2\nnet0: virtio=52:54:00:10:00:01,bridge=vmbr0,firewall=1\nnet1: password=hunter2,bridge=vmbr0\n",
  "100.fw":
    "[OPTIONS]\nenable: 1\nsecret=hunter2\n[RULES]\n  IN ACCEPT token=hunter2\nGROUP web\nIN DROP -p udp # db_password: hunter2\n|IN DROP # key=hunter2\n",
};

test("no verb prints a secret of Proxmox's own files; check names its key and place, import says what it wrote", async () => {
  const folder = mkdtempSync(join(tmpdir(), "phx-secrets-"));
  try {
    for (const [name, text] of Object.entries(PVE)) writeFileSync(join(folder, name), text);
    const [text, imported, ...others] = await Promise.all([
      phx(["check", folder]),
      phx(["import", "pve", folder]),
      phx(["import", "pve", folder, "--json"]),
      phx(["check", folder, "--json"]),
      phx(["check", folder, "--format", "sarif"]),
      phx(["explain", folder, "--from", "lan", "--to", "100", "--port", "1", "--json"]),
    ]);
    assert.doesNotMatch(printed([text, imported, ...others]), /hunter2/);
    const told = [...text.stdout.matchAll(/^(\S+): finding secret-in-file: (.*)$/gm)].map(
      ([, at, said]) => `${at} ${said}`,
    );
    assert.deepEqual(told, [
      "100.conf:3:1 password holds a secret",
      "100.fw:3:1 secret holds a secret",
      "100.fw:5:3 token holds a secret",
      "100.fw:7:1 db_password holds a secret",
      "100.fw:8:1 key holds a secret",
      "cluster.fw:4:1 password holds a secret",
    ]);
    assert.match(
      imported.stderr,
      /^phx: note: 100\.fw:7:1.*db_password in its comment is a secret: it is written as \[redacted\]$/m,
    );
    assert.match(imported.stderr, /^phx: note: cluster\.fw:4:1.*password in its comment is a secret/m);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the line that a finding quotes is cut from the redacted text, whatever ends a line", () => {
  const estate = estateWith(({ lxc }) => {
    lxc.lxc_configs[801].network_config.wifi_password = "hunter2-do-not-print";
  });
  const [note] = estate.notes;
  assert.ok(note);
  for (const end of ["\n", "\r\n", "\r"]) {
    const files = estate.files.map((file) => ({ ...file, text: file.text.replaceAll("\n", end) }));
    assert.equal(declaredAt({ ...estate, files }, note.position).snippet, '"wifi_password": "[redacted]"');
  }
});

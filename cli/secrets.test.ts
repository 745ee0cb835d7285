import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
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

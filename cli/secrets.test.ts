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

const LOOSE = "hunter2-do-not-print";

/** What is wrong, unknown or mere words, each with a secret that no `key=value` tells. */
function looseEstate(): Disposable & { readonly path: string } {
  const estate = estateFolder();
  const path = join(estate.path, FILE_NAMES.lxc);
  const lxc = JSON.parse(readFileSync(path, "utf8")) as {
    lxc_configs: Record<string, { name: string; firewall: { rules: Record<string, unknown>[] } }>;
  };
  const guest = lxc.lxc_configs["801"];
  assert.ok(guest);
  guest.name = `grafana token=${LOOSE}`;
  guest.firewall.rules.push(
    { type: "in", action: "ACCEPT", proto: "tcp", port: "81", comment: `ask with --password ${LOOSE}` },
    { type: "in", action: "ACCEPT", proto: `secret:${LOOSE}`, comment: "-" },
  );
  writeFileSync(path, JSON.stringify(lxc, undefined, 1));
  return estate;
}

const LOOSE_PVE = {
  "cluster.fw": `[OPTIONS]\nenable: 1\n[group web] # secret:${LOOSE}\nIN ACCEPT -p tcp # --password ${LOOSE}\n`,
  "100.conf": `# password ${LOOSE}\nnet0: virtio=52:54:00:10:00:01,bridge=vmbr0,firewall=1\n`,
  "100.fw": `[OPTIONS]\nenable: 1\n[RULES]\nIN ACCEPT --password ${LOOSE}\nIN Key(${LOOSE})\nIN ACCEPT secret:${LOOSE}\nGROUP web\nIN ACCEPT -p udp # ghp_${LOOSE.replaceAll("-", "0")}\nIN DROP -p tcp --token ${LOOSE}\n`,
};

/** Every verb that reads files alone, in each of its forms. */
function readers(folder: string, base: string, isPhoenix: boolean): readonly (readonly string[])[] {
  const ends = ["--from", "lan", "--to", isPhoenix ? "801" : "100"];
  return [
    ...["text", "json", "sarif"].map((format) => ["check", folder, "--format", format]),
    ...["text", "json", "sarif", "markdown"].flatMap((format) => [
      ["diff", base, folder, "--format", format],
      ["diff", folder, base, "--format", format],
    ]),
    ["coverage", folder],
    ["coverage", folder, "--json"],
    ["explain", folder, ...ends, "--port", "81", "--dest", "10.0.0.141"],
    ["explain", folder, ...ends, "--port", "81", "--dest", "10.0.0.141", "--json"],
    ["explain", folder, "--set", ...ends],
    ["explain", folder, "--set", ...ends, "--json"],
    ...(isPhoenix
      ? [
          ["plan", folder],
          ["plan", folder, "--json", "--full"],
          ["export", "pve", folder],
        ]
      : [["import", "pve", folder]]),
  ];
}

test("secrets in names, comments and lines that nobody understands: no verb prints them, in any form", async () => {
  using estate = looseEstate();
  using base = estateFolder();
  const folder = mkdtempSync(join(tmpdir(), "phx-secrets-"));
  const other = mkdtempSync(join(tmpdir(), "phx-secrets-"));
  try {
    for (const [name, text] of Object.entries(LOOSE_PVE)) writeFileSync(join(folder, name), text);
    writeFileSync(join(other, "cluster.fw"), "[OPTIONS]\nenable: 1\n");
    const all = [...readers(estate.path, base.path, true), ...readers(folder, other, false)];
    for (const args of all) {
      const { status, stdout, stderr } = await phx(args);
      assert.ok(stdout !== "" && status !== 3, `${args.join(" ")}: ${status} ${stderr}`);
      assert.doesNotMatch(stdout + stderr, /hunter2/i, args.join(" "));
    }
    const { stdout } = await phx(["check", folder]);
    for (const at of ["100.fw:4:1", "100.fw:5:1", "100.fw:6:1", "cluster.fw:4:1"])
      assert.match(stdout, new RegExp(`^${at.replaceAll(".", "\\.")}: finding secret-in-file: `, "m"), at);
  } finally {
    for (const each of [folder, other]) rmSync(each, { recursive: true });
  }
});

test("no error shows a value that stands in the wrong place: for an object, long, or a key's value in words", async () => {
  const wrong: readonly (readonly [key: string, value: unknown, told: RegExp])[] = [
    ["firewall", LOOSE, /expected an object, found a string\./],
    ["dns_server", `ghp_${LOOSE}`, /expected an object, found a string\./],
    ["network", { interfaces: { name: LOOSE.repeat(3) } }, /found (?!")/],
    ["firewall", { enabled: `password ${LOOSE}` }, /found "password \[redacted\]"/],
    ["firewall", { enabled: `${LOOSE} `.repeat(3) }, /found a string of 63 characters/],
  ];
  const results = await Promise.all(
    wrong.map(async ([key, value]) => {
      using estate = estateFolder();
      const path = join(estate.path, FILE_NAMES.host);
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), [key]: value }));
      return await phx(["check", estate.path]);
    }),
  );
  for (const [index, { status, stdout, stderr }] of results.entries()) {
    assert.deepEqual([status, stdout], [2, ""], stderr);
    assert.match(stderr, wrong[index]?.[2] ?? /never/);
    assert.doesNotMatch(stderr, /hunter2/);
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

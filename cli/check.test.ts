import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Ended, estateFolder, phx } from "../fixtures/phx.ts";
import { applyPatch } from "../policy/prove/patch.ts";
import type { PatchOperation } from "../policy/prove/proof.ts";

/** A folder of Proxmox's files; gone when disposed of. */
function proxmoxFolder(files: Readonly<Record<string, string>>): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "phx-check-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** A folder's files in one of its own; gone when disposed of. */
function copyOf(folder: string): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "phx-check-"));
  cpSync(folder, path, { recursive: true });
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

const MISTAKES = fileURLToPath(new URL("../fixtures/estates/mistakes", import.meta.url));

const CLUSTER = "[OPTIONS]\nenable: 1\n";

test("the reference estate: every control that files decide is proved, and one note on forgeable sources", async () => {
  const { status, stdout, stderr } = await phx(["check"]);
  assert.deepEqual([status, stderr], [0, ""]);
  const [note, , ...rest] = stdout.trimEnd().split("\n");
  assert.match(note ?? "", /^phoenix_lxc_configs\.json:\d+:\d+: note forgeable-source: /);
  assert.match(rest.pop() ?? "", /^0 findings, 1 note; (\d+) of \1 controls that files decide proved$/);
  for (const line of rest) assert.match(line, /^(proved [A-Z]+-\d{3}: .* Over .*\.| {4}\S.*)$/);
  assert.ok(rest.length >= 20);
});

test("a violation: exit 1, the rule, the remedy and a packet; the patch mends it, and SARIF has it", async () => {
  const folder = join(MISTAKES, "database-open-to-all");
  const [text, sarif, json, patch] = await Promise.all([
    phx(["check", folder]),
    phx(["check", folder, "--format", "sarif"]),
    phx(["check", folder, "--json"]),
    phx(["check", folder, "--fix-patch"]),
  ]);
  for (const { status } of [text, sarif, json, patch]) assert.equal(status, 1);
  assert.match(
    text.stdout,
    /:173:11: violation EDGE-002: wan reaches qdrant \(guest 802\) with tcp 6333, let in by rule .*\n {4}Narrow .*\n {4}for example tcp 203\.0\.113\.10:40000 > 10\.0\.0\.142:6333\n/,
  );
  assert.match(text.stdout, /^violated \(1\) EDGE-002: /m);
  const { runs } = JSON.parse(sarif.stdout) as { runs: { results: { ruleId: string }[] }[] };
  assert.ok(runs[0]?.results.some(({ ruleId }) => ruleId === "EDGE-002"));
  const { counts, proofs } = JSON.parse(json.stdout) as {
    counts: { violated: number };
    proofs: { control: string; violations: unknown[] }[];
  };
  assert.equal(counts.violated, proofs.filter(({ violations }) => violations.length > 0).length);
  assert.deepEqual(JSON.parse(patch.stdout), {
    "phoenix_lxc_configs.json": [
      { op: "add", path: "/lxc_configs/802/firewall/rules/0/source", value: "10.0.0.12" },
    ],
  });
});

test("what the servers' own files get wrong is a violation with its line, and right ones prove nothing more", async () => {
  const estate = (name: string) => join(MISTAKES, "..", name);
  const [right, unverified, open, patch, sarif] = await Promise.all([
    phx(["check", estate("operator-right")]),
    phx(["check", estate("operator-unverified")]),
    phx(["check", estate("operator-http-challenge")]),
    phx(["check", estate("operator-http-challenge"), "--fix-patch"]),
    phx(["check", estate("operator-http-challenge"), "--format", "sarif"]),
  ]);
  assert.equal(right.status, 0);
  assert.match(
    right.stdout,
    /^read of the operator's own files: Nginx 3 files, Traefik 2 files, Step-CA none, so phx's own template; .*: phx plan\n0 findings/m,
  );
  assert.doesNotMatch(right.stdout, /PKI-006|RTE-005/);
  for (const { status } of [unverified, open, patch, sarif]) assert.equal(status, 1);
  assert.match(
    unverified.stdout,
    /^nginx\/sites-available\/gateway:52:9: violation PKI-006: proxy_pass https:\/\/traefik without proxy_ssl_verify on: .*\n {4}Set proxy_ssl_verify on, /m,
  );
  assert.match(open.stdout, /^traefik\/traefik\.yml:18:14: violation RTE-005: api\.insecure at :8080/m);
  assert.match(open.stdout, /^traefik\/traefik\.yml:46:21: violation PKI-001: .* asks for httpChallenge/m);
  assert.match(open.stdout, /^violated \(1\) PKI-001: Step-CA resolves .*, and the operator's own files\.$/m);
  assert.equal(patch.stdout, "{}\n");
  assert.match(
    patch.stderr,
    /traefik\.yml:46:21: violation PKI-001: [^\n]*\n {4}no patch: it is the server's own file/,
  );
  const { runs } = JSON.parse(sarif.stdout) as { runs: { results: { ruleId: string }[] }[] };
  const rules = runs.flatMap(({ results }) => results.map(({ ruleId }) => ruleId));
  assert.deepEqual(
    rules.filter((rule) => /^[A-Z]/.test(rule)),
    ["PKI-001", "RTE-005"],
  );
});

test("a patch of the Phoenix files leaves what the servers' own files get wrong, and says so", async () => {
  using folder = copyOf(join(MISTAKES, "database-open-to-all"));
  const yml = readFileSync(join(MISTAKES, "..", "operator-http-challenge", "traefik", "traefik.yml"));
  mkdirSync(join(folder.path, "traefik"));
  writeFileSync(join(folder.path, "traefik", "traefik.yml"), yml);
  const { status, stdout, stderr } = await phx(["check", folder.path, "--fix-patch"]);
  assert.equal(status, 1);
  assert.match(stdout, /"path": "\/lxc_configs\/802\/firewall\/rules\/0\/source"/);
  assert.match(stderr, /violation RTE-005/);
});

/** What `--fix-patch` prints, applied to a mistake's files in a folder of its own. */
async function mendedFolder(mistake: string): Promise<Disposable & { path: string; patch: Ended }> {
  const folder = join(MISTAKES, mistake);
  const patch = await phx(["check", folder, "--fix-patch"]);
  const path = mkdtempSync(join(tmpdir(), "phx-mended-"));
  const operations = JSON.parse(patch.stdout) as Record<string, PatchOperation[]>;
  for (const name of readdirSync(folder).filter((each) => each.startsWith("phoenix_")))
    writeFileSync(
      join(path, name),
      applyPatch(readFileSync(join(folder, name), "utf8"), operations[name] ?? []),
    );
  return { path, patch, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

for (const mistake of [
  "duplicate-rule",
  "misspelt-key",
  "gone-dependency",
  "name-with-a-dot",
  "http-01-rule",
])
  test(`${mistake}: what --fix-patch prints mends it, and nothing is left to tell`, async () => {
    using mended = await mendedFolder(mistake);
    assert.deepEqual([mended.patch.status, mended.patch.stderr], [1, ""]);
    const { status, stdout } = await phx(["check", mended.path]);
    assert.equal(status, 0, stdout);
  });

test("what no patch mends is told on stderr, with its place, the reason and the remedy", async () => {
  using mended = await mendedFolder("out-for-in");
  assert.equal(mended.patch.status, 1);
  assert.match(
    mended.patch.stderr,
    /^phoenix_vm_configs\.json:37:11: finding redundant-accept: .*\n {4}no patch: more than one thing could be meant\. Delete it, or make the policy DROP\.\n$/,
  );
  const { stdout } = await phx(["check", mended.path]);
  assert.match(stdout, /\n1 finding, 1 note; (\d+) of \1 controls that files decide proved\n$/);
  using uncommented = estateFolder(({ lxc }) => delete lxc.lxc_configs[801].firewall.rules[0].comment);
  const unpatched = await phx(["check", uncommented.path, "--fix-patch"]);
  assert.deepEqual([unpatched.status, unpatched.stdout], [1, "{}\n"]);
  assert.match(
    unpatched.stderr,
    /: violation FW-004: [^\n]*\n {4}no patch: only who wrote it can say what was meant\. Say whom/,
  );
});

test("Proxmox's own files: that no control is decided is said in each form, and a JSON patch is refused", async () => {
  using folder = proxmoxFolder({ "cluster.fw": CLUSTER });
  const check = (...args: string[]) => phx(["check", folder.path, ...args]);
  const [text, json, sarif, patch] = await Promise.all([
    check(),
    check("--json"),
    check("--format", "sarif"),
    check("--fix-patch"),
  ]);
  const words = "no control is decided: Proxmox's files do not say";
  for (const { status, stdout } of [text, json, sarif]) {
    assert.equal(status, 0);
    assert.ok(stdout.includes(words));
  }
  assert.deepEqual([patch.status, patch.stdout], [2, ""]);
  assert.match(
    patch.stderr,
    /expected Phoenix files, since a JSON patch is of JSON, found Proxmox's \.fw files/,
  );
});

test("what is proved is said with its space in JSON and SARIF too; a violation there has packet and patch", async () => {
  const folder = join(MISTAKES, "database-open-to-all");
  const [json, sarif] = await Promise.all([
    phx(["check", folder, "--json"]),
    phx(["check", folder, "--format", "sarif"]),
  ]);
  interface Told {
    control: string;
    space: string;
    violations: unknown;
  }
  const { proofs } = JSON.parse(json.stdout) as { proofs: Told[] };
  const { runs } = JSON.parse(sarif.stdout) as {
    runs: {
      properties: { proofs: Told[] };
      results: { ruleId: string; message: { text: string }; properties?: Record<string, unknown> }[];
    }[];
  };
  const [run] = runs;
  assert.deepEqual(
    run?.properties.proofs.map(({ control, space }) => [control, space]),
    proofs.map(({ control, space }) => [control, space]),
  );
  assert.ok(proofs.every(({ space }) => space.length > 0));
  assert.equal(run?.properties.proofs.find(({ control }) => control === "FW-001")?.violations, 0);
  const result = run?.results.find(({ ruleId }) => ruleId === "EDGE-002");
  assert.match(
    result?.message.text ?? "",
    /, for example tcp 203\.0\.113\.10:40000 > 10\.0\.0\.142:6333\. Narrow/,
  );
  assert.deepEqual(Object.keys(result?.properties ?? {}), ["witness", "patch"]);
});

test("hostile names of Phoenix files are shown, in every form and on stderr", async () => {
  const hostile = "\u202e<b>[x](http://example)\u200b";
  using folder = estateFolder(({ lxc }) => {
    const guest = lxc.lxc_configs[801];
    guest.name = hostile;
    guest.firewall.rules[0].comment = hostile;
    delete guest.firewall.rules[0].source;
    guest.firewall.rules[0][`\u001b[31m\r\n::error::${hostile}`] = "x";
  });
  const forms = [[], ["--json"], ["--format", "sarif"], ["--fix-patch"]];
  const results = await Promise.all(forms.map((form) => phx(["check", folder.path, ...form])));
  for (const { status, stdout, stderr } of results) {
    assert.equal(status, 1);
    assert.doesNotMatch(
      `${stdout}${stderr}`,
      /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e]|^::/m,
    );
  }
  const [text, , sarif, patch] = results;
  assert.match(
    text?.stdout ?? "",
    /wan reaches ⟨U\+202E⟩<b>\[x\]\(http:\/\/example\)⟨U\+200B⟩ \(guest 801\)/,
  );
  assert.match(patch?.stderr ?? "", /⟨U\+202E⟩<b>/);
  const { runs } = JSON.parse(sarif?.stdout ?? "") as {
    runs: { results: { message: { text: string } }[] }[];
  };
  const messages = runs.flatMap(({ results: all }) => all.map(({ message }) => message.text));
  assert.ok(messages.some((each) => each.includes("[x] (http://example)")));
  assert.ok(messages.every((each) => !each.includes("](")));
});

test("a finding: exit 1, a line as compilers print it, then the remedy; last the counts", async () => {
  using estate = estateFolder(({ lxc }) =>
    lxc.lxc_configs[801].firewall.rules.push(lxc.lxc_configs[801].firewall.rules[0]),
  );
  const { status, stdout } = await phx(["check", estate.path]);
  assert.equal(status, 1);
  assert.match(
    stdout,
    /^phoenix_lxc_configs\.json:\d+:\d+: finding duplicate-rule: "IN ACCEPT [^"]*" repeats "IN ACCEPT [^\n]*\n {4}Delete the later one\.\n/m,
  );
});

test("a rule without a comment: a note of the lint, and FW-004", async () => {
  using estate = estateFolder(({ lxc }) => delete lxc.lxc_configs[801].firewall.rules[0].comment);
  const { status, stdout } = await phx(["check", estate.path]);
  assert.equal(status, 1, "FW-004 asks for one");
  assert.match(stdout, /: note rule-without-comment: [^]*\n0 findings, 2 notes; /);
  assert.match(stdout, /: violation FW-004: [^]* has no comment\n/);
});

test("Proxmox's own files; what is hostile in them is shown, not acted on", async () => {
  const line = "IN ACCEPT -p tcp -dport 80 -bad \u001b[31m\u202e\u0007";
  using folder = proxmoxFolder({ "cluster.fw": CLUSTER, "100.fw": `${CLUSTER}[RULES]\n${line}\n` });
  const text = await phx(["check", folder.path]);
  assert.equal(text.status, 1, text.stderr);
  assert.match(text.stdout, /^100\.fw:4:1: finding ignored-line: .*␛\[31m⟨U\+202E⟩␇/m);
  const json = await phx(["check", folder.path, "--json"]);
  for (const { stdout } of [text, json])
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  const { counts, complete, findings } = JSON.parse(json.stdout) as {
    counts: { findings: number };
    complete: boolean;
    findings: { lint: string; message: string; position: { line: number } }[];
  };
  const ignored = findings.find(({ lint }) => lint === "ignored-line");
  assert.ok(ignored?.message.includes(line) && ignored.position.line === 4 && complete);
  assert.ok(counts.findings > 0);
});

test("of a cluster's /etc/pve one node is checked, the one that is named", async () => {
  using folder = proxmoxFolder({});
  for (const name of ["one", "two"]) {
    mkdirSync(join(folder.path, "nodes", name, "qemu-server"), { recursive: true });
    writeFileSync(
      join(folder.path, "nodes", name, "host.fw"),
      `[OPTIONS]\nnftables: ${name === "two" ? 1 : 0}\n`,
    );
  }
  mkdirSync(join(folder.path, "firewall"));
  const names = "[ALIASES]\nlan 10.0.0.0/8\nidle 10.0.0.0/8\n[GROUP web]\nIN DROP -source 10.0.0.1 # c\n";
  writeFileSync(join(folder.path, "firewall", "cluster.fw"), CLUSTER + names);
  writeFileSync(join(folder.path, "nodes", "two", "qemu-server", "200.conf"), "");
  writeFileSync(
    join(folder.path, "firewall", "200.fw"),
    `${CLUSTER}[RULES]\nGROUP web\nIN DROP -dest lan # c\n`,
  );
  const check = (...args: string[]) => phx(["check", folder.path, ...args]);
  const [none, one, two] = await Promise.all([check(), check("--node", "one"), check("--node", "two")]);
  assert.deepEqual([none.status, one.status, two.status], [2, 1, 1], none.stderr + one.stdout + two.stdout);
  // What a guest of the other node uses is not unused.
  assert.deepEqual(one.stdout.match(/finding .*/g), [
    "finding unused-alias: nothing refers to the alias idle",
  ]);
  assert.match(two.stdout, /^nodes\/two\/host\.fw:2:1: finding other-firewall/m);
});

test("SARIF: the same findings, and the files with their digests", async () => {
  using folder = proxmoxFolder({ "cluster.fw": CLUSTER, "100.fw": `${CLUSTER}[RULES]\nIN ACCEPT\n` });
  const { status, stdout } = await phx(["check", folder.path, "--format", "sarif"]);
  assert.equal(status, 1);
  const log = JSON.parse(stdout) as {
    version: string;
    runs: { artifacts: { hashes: Record<string, string> }[]; results: { ruleId: string }[] }[];
  };
  assert.equal(log.version, "2.1.0");
  assert.ok(log.runs[0]?.results.some(({ ruleId }) => ruleId === "any-to-any"));
  assert.equal(log.runs[0]?.artifacts.length, 2);
  for (const { hashes } of log.runs[0]?.artifacts ?? [])
    assert.match(hashes["sha-256"] ?? "", /^[0-9a-f]{64}$/);
});

test("rules that take too long to compare are no pass: exit 4", async () => {
  const ranges = Array.from({ length: 9000 }, (_, n) => `IN DROP -p tcp -dport ${9000 - n}:${9500 + n} # c`);
  using folder = proxmoxFolder({ "cluster.fw": `${CLUSTER}[RULES]\n${ranges.join("\n")}\n` });
  const { status, stdout } = await phx(["check", folder.path]);
  assert.match(stdout, /: note unchecked: from this rule on/);
  assert.equal(status, 4);
});

test("bad input: exit 2 and nothing on stdout", async () => {
  using broken = estateFolder();
  writeFileSync(join(broken.path, "phoenix_lxc_configs.json"), "{");
  const cases: [string[], RegExp][] = [
    [["/nowhere"], /\[estate-missing\]/],
    [[broken.path], /phoenix_lxc_configs\.json:1:\d+.*\[json-syntax\]/],
    [["--format", "xml"], /found --format xml/],
    [["--json", "--format", "text"], /found --json and --format text/],
    [["a", "b"], /\[usage\]/],
  ];
  const results = await Promise.all(cases.map(([args]) => phx(["check", ...args])));
  for (const [index, { status, stdout, stderr }] of results.entries()) {
    assert.deepEqual([status, stdout], [2, ""], stderr);
    assert.match(stderr, cases[index]?.[1] ?? /./);
  }
});

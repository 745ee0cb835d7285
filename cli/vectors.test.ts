import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { phx } from "../fixtures/phx.ts";
import { vectorsPath } from "../fixtures/vectors.ts";
import { sample } from "./sample.ts";

const folder = mkdtempSync(join(tmpdir(), "phx-vectors-"));
after(() => rmSync(folder, { recursive: true }));

let count = 0;
function fileOf(...lines: (string | object)[]): string {
  const path = join(folder, `${count++}.jsonl`);
  const texts = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  writeFileSync(path, texts.map((line) => `${line}\n`).join(""));
  return path;
}

const FILES = {
  "cluster.fw": "[OPTIONS]\nenable: 1\n",
  "101.fw": "[OPTIONS]\nenable: 1\npolicy_in: REJECT\n",
};
const CASE = { from: "outside", to: "vm101", proto: "tcp", dport: 80, expect: "REJECT" };
let id = 0;
const vector = (...cases: object[]) => ({ id: String(id++), files: FILES, cases });

test("all of the shared vectors agree", async (t) => {
  const files = ["pve-phoenix.jsonl", "pve-general.jsonl"] as const;
  const paths = files.flatMap((file) => vectorsPath(t, file) ?? []);
  if (paths.length === 0) return;
  const { status, stdout } = await phx(["vectors", ...paths]);
  assert.equal(status, 0, stdout);
  assert.match(stdout, /8000 cases: 8000 agreed, 0 disagreed\n.*7303 cases: 7303 agreed, 0 disagreed\n/);
});

test("what disagrees is told with what was expected and the model's path; exit 1", async () => {
  const wrong = { ...CASE, expect: "ACCEPT" };
  const kind = { ...CASE, reject: "icmp-port-unreachable" };
  const file = fileOf(vector(CASE, { ...CASE, reject: "tcp-reset" }), vector(wrong, kind));
  const { status, stdout } = await phx(["vectors", file]);
  assert.equal(status, 1);
  assert.match(
    stdout,
    /:2 configuration \d+, case 0: tcp outside 100\.100\.1\.2 -> vm101 100\.200\.3\.4:80\n {2}expected {2}accept\n/,
  );
  assert.match(
    stdout,
    /model, .fw files {2}reject \(tcp-reset\)\n(.*\n)* .*by default policy REJECT .*at 101.fw:3:1/,
  );
  assert.match(stdout, /expected {2}reject \(icmp-port-unreachable\)/);
  assert.match(stdout, /2 configurations, 4 cases: 2 agreed, 2 disagreed\n/);
  const json = JSON.parse((await phx(["vectors", file, "--json"])).stdout) as Record<string, unknown>;
  assert.deepEqual([json["agreed"], json["disagreed"], json["unknown"]], [2, 2, 0]);
});

test("a line with an estate agrees only if its files and its Phoenix JSON both do", async () => {
  const allow = "[OPTIONS]\nenable: 1\n\n[RULES]\nIN ACCEPT -p tcp -dport 80\n";
  const rules = [{ type: "in", action: "ACCEPT", proto: "tcp", port: "80" }];
  const line = (inFile: boolean, inEstate: boolean) => ({
    id: "2",
    files: { ...FILES, "101.fw": inFile ? allow : "[OPTIONS]\nenable: 1\n" },
    estate: {
      host: { ip: "10.0.0.13", firewall: { enabled: true } },
      guests: { 101: { ip: "10.0.0.153", firewall: { enabled: true, rules: inEstate ? rules : [] } } },
    },
    cases: [{ ...CASE, to: "ct101", source: "203.0.113.10", dest: "10.0.0.153", expect: "ACCEPT" }],
  });
  const statuses = [
    [true, true],
    [true, false],
    [false, true],
  ].map(async ([inFile = false, inEstate = false]) => phx(["vectors", fileOf(line(inFile, inEstate))]));
  const ended = await Promise.all(statuses);
  assert.deepEqual(
    ended.map(({ status }) => status),
    [0, 1, 1],
  );
  assert.match(ended[1]?.stdout ?? "", /model, \.fw files {2}accept[^]*model, Phoenix JSON {2}drop/);
});

test("a sample is the seed's, and the seed is printed", async () => {
  const items = Array.from({ length: 100 }, (_, index) => index);
  assert.deepEqual(sample(items, 10, 7), sample(items, 10, 7));
  assert.notDeepEqual(sample(items, 10, 7), sample(items, 10, 8));
  assert.deepEqual(sample(items, 200, 7), items);
  const some = sample(items, 10, 7);
  assert.deepEqual([some.length, some.toSorted((a, b) => a - b)], [10, some]);
  const file = fileOf(...items.map(() => vector(CASE)));
  const { stdout } = await phx(["vectors", file, "--sample", "3"]);
  assert.match(stdout, /^seed \d+: 3 of 100 configurations\n.*3 cases: 3 agreed/);
  const again = await phx(["vectors", file, "--sample", "3", "--seed", "5", "--json"]);
  const { seed, configurationsFound, configurationsDecided, casesDecided, agreed } = JSON.parse(
    again.stdout,
  ) as Record<string, unknown>;
  assert.deepEqual(
    [seed, configurationsFound, configurationsDecided, casesDecided, agreed],
    [5, 100, 3, 3, 3],
  );
});

test("bad input: exit 2, and where, what was expected, what was found", async () => {
  mkdirSync(join(folder, "folder"));
  const cases: [string[], RegExp][] = [
    [[], /expected FILE/],
    [[fileOf()], /\d+\.jsonl:1:1: expected a configuration a line, found an empty file.*vector-invalid/],
    [[fileOf(vector(CASE), '{"id": }')], /:2:8 \/id: expected a value.*json-syntax/],
    [[fileOf(`{"id":"${"x".repeat(50_000_000)}"}`)], /expected a line of at most 4000000 characters/],
    [[join(folder, "folder")], /found a directory/],
    [[join(folder, "nothing")], /nothing: expected a regular, readable file.*, found nothing\. Give a file/],
    [[fileOf(vector(CASE)), "--sample", "0"], /--sample to be a number from 1, found 0/],
    [[fileOf(vector(CASE)), "--seed", "1"], /--seed only with --sample/],
    [[fileOf(vector(CASE)), "--sample", "1", "--seed", "x"], /--seed to be a number/],
  ];
  const ended = await Promise.all(cases.map(([args]) => phx(["vectors", ...args])));
  for (const [index, { status, stderr }] of ended.entries()) {
    assert.equal(status, 2, stderr.slice(0, 300));
    assert.match(stderr, cases[index]?.[1] ?? /^$/);
  }
});

test("--live without root: exit 3 and the remedy", () => {
  const nobody = process.getuid?.() === 0 ? ["setpriv", "--reuid", "65534", "--clear-groups"] : [];
  const [file, ...args] = [...nobody, process.execPath, "cli/main.ts", "vectors", fileOf(vector(CASE))];
  execFileSync("chmod", ["755", folder]);
  const { status, stderr } = spawnSync(file, [...args, "--live"], { encoding: "utf8" });
  assert.equal(status, 3, stderr);
  assert.match(stderr, /phx vectors --live: expected root, found user \d+\. Run it as root.*\[not-root\]/);
});

test("one is no plural, and a configuration without a case is told", async () => {
  const one = await phx(["vectors", fileOf(vector(CASE))]);
  assert.match(one.stdout, /: 1 configuration, 1 case: 1 agreed, 0 disagreed\n/);
  const { status, stdout } = await phx(["vectors", fileOf(vector(), vector(CASE), vector())]);
  assert.equal(status, 0);
  assert.match(stdout, /3 configurations, 1 case: .*, 2 configurations without a case \(line 1, 3\)\n/);
});

test("20,000 configurations leave nothing behind in memory", () => {
  const file = fileOf(...Array.from({ length: 20_000 }, () => vector(CASE)));
  const args = ["--max-old-space-size=96", "cli/main.ts", "vectors", file];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(status, 0);
  assert.match(stdout, /20000 cases: 20000 agreed/);
});

test("a signal ends it between two configurations", async () => {
  const wrong = vector({ ...CASE, expect: "DROP" });
  const file = fileOf(wrong, ...Array.from({ length: 20_000 }, () => vector(CASE)));
  const child = spawn(process.execPath, ["cli/main.ts", "vectors", file]);
  const said = text(child.stdout);
  child.stdout.once("data", () => child.kill("SIGINT"));
  const [status] = (await once(child, "exit")) as [number];
  assert.equal(status, 130);
  assert.doesNotMatch(await said, /agreed/);
});

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };

test(
  "live: the kernel's path beside the model's; what could not be sent is unknown, exit 4",
  needsRoot,
  async () => {
    const wrong = await phx(["vectors", fileOf(vector(CASE, { ...CASE, expect: "DROP" })), "--live"]);
    assert.equal(wrong.status, 1, wrong.stderr);
    assert.match(wrong.stdout, /kernel {2}reject \(tcp-reset\)\n(.*\n)*.*1 x -A tap101i0-IN -g PVEFW-reject/);
    assert.match(wrong.stdout, /2 cases: 1 agreed, 1 disagreed\n/);
    const ipv6 = { ...CASE, source: "2001:db8::1", dest: "2001:db8::2" };
    const unknown = await phx(["vectors", fileOf(vector(CASE, ipv6)), "--live"]);
    assert.equal(unknown.status, 4, unknown.stdout);
    assert.match(unknown.stdout, /kernel {2}unknown: the rig sends no IPv6/);
    assert.match(unknown.stdout, /2 cases: 1 agreed, 0 disagreed, 1 could not be told\n/);
  },
);

test(
  "live: SCTP, UDP-Lite and DCCP are decided as any protocol: their headers open flows to the kernel",
  needsRoot,
  async () => {
    const rules = {
      "cluster.fw": "[OPTIONS]\nenable: 1\n",
      "101.fw": `[OPTIONS]\nenable: 1\npolicy_in: DROP\npolicy_out: DROP\n[RULES]\nIN ACCEPT -p sctp -dport 2905\nIN ACCEPT -p dccp -dport 5004
IN ACCEPT -p udplite -dport 5004,5006\nIN REJECT -p sctp -dport 7000\nIN ACCEPT -p gre\n`,
    };
    const asked = (proto: string, dport: number, expect: string) => ({ ...CASE, proto, dport, expect });
    const cases = [
      asked("sctp", 2905, "ACCEPT"),
      asked("sctp", 2906, "DROP"),
      asked("sctp", 7000, "REJECT"),
      asked("dccp", 5004, "ACCEPT"),
      asked("dccp", 5005, "DROP"),
      // No answer of the first: where conntrack sees no ports of it, the two are asked apart.
      {
        ...asked("dccp", 5004, "DROP"),
        from: "vm101",
        to: "outside",
        source: "100.200.3.4",
        dest: "100.100.1.2",
      },
      // To conntrack it is INVALID, whatever rule names it.
      asked("udplite", 5006, "DROP"),
      asked("gre", 0, "ACCEPT"),
    ];
    const { status, stdout } = await phx([
      "vectors",
      fileOf({ ...vector(...cases), files: rules }),
      "--live",
    ]);
    assert.match(stdout, /8 cases: 8 agreed, 0 disagreed\n/);
    assert.equal(status, 0, stdout);
  },
);

const run = (file: string, args: readonly string[], path = process.env["PATH"]) =>
  spawnSync(file, args, { encoding: "utf8", env: { ...process.env, PATH: path } });

test("live: without a capability of root's it is named, exit 3", needsRoot, () => {
  const args = [process.execPath, "cli/main.ts", "vectors", fileOf(vector(CASE)), "--live"];
  const { status, stderr } = run("setpriv", ["--bounding-set=-net_admin", ...args]);
  assert.equal(status, 3);
  assert.match(stderr, /found a process without CAP_NET_ADMIN\. Run it with .*\[capability-missing\]/);
});

for (const [title, script] of Object.entries({
  "fails at once": "echo 'ipset: error while loading shared libraries' >&2; exit 1",
  "does nothing": "exit 0",
  "is killed": "kill -9 $$",
}))
  test(`live: an ipset that ${title} is no refusal of rules: exit 3`, needsRoot, () => {
    const bin = mkdtempSync(join(folder, "bin-"));
    const program = join(bin, "ipset");
    writeFileSync(program, `#!/bin/sh\n${script}\n`, {
      mode: 0o755,
    });
    const args = ["cli/main.ts", "vectors", fileOf(vector(CASE)), "--live"];
    const { status, stdout, stderr } = run(process.execPath, args, `${bin}:${process.env["PATH"]}`);
    assert.deepEqual([status, stdout], [3, ""], stderr);
    assert.match(stderr, /^phx: .*\[lab-command\]\n$/);
  });

test("live: rules that the kernel does not take prove nothing, exit 4", needsRoot, async () => {
  const set = "[IPSET twice]\n\n10.0.0.0/8\n10.0.0.1/8\n";
  const files = { ...FILES, "cluster.fw": `[OPTIONS]\nenable: 1\n\n${set}` };
  const { status, stdout } = await phx(["vectors", fileOf({ ...vector(CASE), files }), "--live"]);
  assert.match(stdout, /kernel {2}unknown: the kernel does not take these rules: exit \d+: .*ipset/);
  assert.equal(status, 4);
});

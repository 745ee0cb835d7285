import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { estateFolder, phx } from "../fixtures/phx.ts";
import type { Usage } from "../fixtures/usage.ts";

const ON = "[OPTIONS]\nenable: 1\n";

/** A folder of Proxmox's files, gone after the test. */
function proxmoxFolder(context: TestContext, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "phx-coverage-"));
  context.after(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

const coverage = (...args: readonly string[]) => phx(["coverage", ...args]);

test("the reference estate: each rule alone decides something, exit 0", async () => {
  const { status, stdout, stderr } = await coverage();
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(
    stdout,
    /^phoenix_lxc_configs\.json:\d+:\d+: alone: "IN ACCEPT -p tcp -source 10\.0\.0\.12 -dest 10\.0\.0\.142 -dport 6333" of guest 802\n {4}decides tcp 6333 from 10\.0\.0\.12 to 10\.0\.0\.142\n {4}without it drop, for example by default policy DROP .*: all of it$/m,
  );
  assert.match(stdout, /\n14 rules: 14 decide something alone; 0 findings\n$/);
});

test("dead rules: exit 1, each at its place with the reason; as JSON the same, with packets", async (context) => {
  const rules =
    "IN ACCEPT -p tcp -dport 1:100\nIN DROP -p tcp -dport 101:200\nIN ACCEPT -p tcp -dport 50:150\n|IN ACCEPT\n";
  const folder = proxmoxFolder(context, { "cluster.fw": ON, "101.fw": `${ON}[RULES]\n${rules}` });
  const { status, stdout } = await coverage(folder);
  assert.equal(status, 1);
  assert.match(stdout, /^101\.fw:6:1: finding dead: "IN ACCEPT .*together take all its packets/m);
  assert.match(stdout, /^101\.fw:7:1: note dead: "\|IN ACCEPT" of guest 101: it is switched off$/m);
  const json = await coverage(folder, "--json");
  const { counts, rules: shares } = JSON.parse(json.stdout) as {
    counts: Record<string, number>;
    rules: { verdict: string; without: { witness: { dest: string } }[] }[];
  };
  assert.deepEqual([json.status, counts["alone"], counts["dead"], counts["findings"]], [1, 2, 2, 1]);
  assert.match(shares[0]?.without[0]?.witness.dest ?? "", /^[\d.]+$/);
});

test("only notes: exit 0; --max cuts a set", async (context) => {
  const rules = `|IN ACCEPT\nIN ACCEPT -p tcp -dport 9 -source ${["1", "3", "5"].map((net) => `10.${net}.0.0/16`).join(",")}\nIN ACCEPT -p udp -dport 9\n`;
  const folder = proxmoxFolder(context, { "cluster.fw": ON, "101.fw": `${ON}[RULES]\n${rules}` });
  const { status, stdout } = await coverage(folder, "--max", "1");
  assert.equal(status, 0, stdout);
  assert.match(stdout, /3 rules: 2 decide something alone, 1 dead; 0 findings\n$/);
});

test("what it does not take: exit 2 and one line", async () => {
  using estate = estateFolder();
  const rows: readonly (readonly [readonly string[], RegExp])[] = [
    [["--max", "0"], /--max to be a number from 1 to 10000, found 0/],
    [["--max", "many"], /found many/],
    [["--node", "pve1"], /--node only with Proxmox's files, found Phoenix files/],
    [["--nod", "pve1"], /unknown flag --nod, which may be --node/],
    [[join(estate.path, "nowhere")], /nowhere/],
    [["a", "b"], /found a b/],
  ];
  const results = await Promise.all(rows.map(([args]) => coverage(...args)));
  for (const [index, { status, stdout, stderr }] of results.entries()) {
    assert.deepEqual([status, stdout, stderr.trimEnd().split("\n").length], [2, "", 1], stderr);
    assert.match(stderr, rows[index]?.[1] ?? /^$/);
  }
});

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const USAGE = new URL("../fixtures/usage.ts", import.meta.url).href;

async function usageOf(
  args: readonly string[],
): Promise<Usage & { readonly status: number | null; readonly stdout: string }> {
  const stdio = ["ignore", "pipe", "inherit", "pipe"] as const;
  const child = spawn(process.execPath, ["--import", USAGE, MAIN, ...args], { stdio: [...stdio] });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout = "", usage = ""] = await Promise.all([1, 3].map((at) => text(child.stdio[at] as Readable)));
  return { ...(JSON.parse(usage) as Usage), stdout, status: await ended };
}

test("more rules at one place than can be worked out: exit 4 and a note, within bounds", async () => {
  const many = Array.from({ length: 100_000 }, (_, index) => ({
    type: "in",
    action: "ACCEPT",
    proto: "tcp",
    source: `10.0.0.${(index % 200) + 1}`,
    port: String((index % 65_000) + 1),
  }));
  using estate = estateFolder(({ vm }) => (vm.vms[1].firewall.rules = many));
  const { status, stdout, mainThreadSeconds, mostMiB } = await usageOf(["coverage", estate.path]);
  assert.equal(status, 4, stdout);
  assert.match(
    stdout,
    /note unchecked: 100,000 rules of guest 1001: more than 2000 rules at one place take too long\n/,
  );
  assert.ok(mainThreadSeconds < 5 && mostMiB < 1024, `${mainThreadSeconds} s, ${mostMiB} MiB`);
});

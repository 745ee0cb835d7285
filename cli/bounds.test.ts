/** Bad input, as a user gives it, through each verb that reads files: a clear error or the right answer, within bounds. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Ended, estateFolder } from "../fixtures/phx.ts";
import type { Usage } from "../fixtures/usage.ts";
import { FILE_NAMES } from "../policy/files.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const USAGE = new URL("../fixtures/usage.ts", import.meta.url).href;

interface Measured extends Ended {
  readonly usage: Usage;
}

/** Runs `phx` to its end and measures it from within; as nobody where that is asked of root. */
async function measured(args: readonly string[], asNobody = false): Promise<Measured> {
  const user = asNobody && process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const child = spawn(process.execPath, ["--import", USAGE, MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    ...user,
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout = "", stderr = "", usage = ""] = await Promise.all(
    [1, 2, 3].map((descriptor) => text(child.stdio[descriptor] as Readable)),
  );
  const status = await ended;
  return { status, stdout, stderr, usage: JSON.parse(usage) as Usage };
}

const VERBS: Readonly<Record<string, readonly string[]>> = {
  check: [],
  explain: ["--from", "wan", "--to", "101", "--port", "8080"],
  plan: [],
};

/** Holds it to 5 s and 1 GiB. */
function bounded(verb: string, folder: string, asNobody = false): Promise<Measured> {
  return inBounds([verb, folder, ...(VERBS[verb] ?? [])], asNobody);
}

async function inBounds(args: readonly string[], asNobody = false): Promise<Measured> {
  const result = await measured(args, asNobody);
  const { mainThreadSeconds, mostMiB } = result.usage;
  assert.ok(mainThreadSeconds < 5 && mostMiB < 1024, `${args[0]}: ${mainThreadSeconds} s, ${mostMiB} MiB`);
  return result;
}

const VM = FILE_NAMES.vm;
const PLACE = String.raw`phoenix_vm_configs\.json:\d+:\d+`;

type Spoil = (folder: string) => void;

const spoilText =
  (change: (text: string) => string | Buffer): Spoil =>
  (folder) =>
    writeFileSync(join(folder, VM), change(readFileSync(join(folder, VM), "utf8")));

/** Each with what is expected, what was found, and a remedy. */
const REFUSED: readonly (readonly [title: string, spoil: Spoil, message: RegExp])[] = [
  [
    "two guests with one address",
    spoilText((vm) => vm.replace("10.0.0.102/24", "10.0.0.12/24")),
    new RegExp(
      `${PLACE} /vms/2/network_config/ip: expected an address that no one else has, found 10\\.0\\.0\\.12, which is 102 Traefik's .*Give each`,
    ),
  ],
  [
    "an address outside the subnet",
    spoilText((vm) => vm.replace("10.0.0.102/24", "10.1.0.102/24")),
    new RegExp(
      `${PLACE} /vms/2/network_config/ip: expected an address of 10\\.0\\.0\\.0/24, found 10\\.1\\.0\\.102\\. Give`,
    ),
  ],
  [
    "a port without a protocol",
    spoilText((vm) => vm.replace('"proto": "tcp",', "")),
    new RegExp(
      `${PLACE} /vms/1/firewall/rules/0/port: expected a protocol that has ports, found proto absent .*Add proto`,
    ),
  ],
  [
    "the firewall in both places",
    (folder) => {
      const path = join(folder, FILE_NAMES.host);
      const host = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
      writeFileSync(path, JSON.stringify({ ...host, shared_volumes: { firewall: {} } }));
    },
    /hypervisor_config\.json:\d+:\d+ \/shared_volumes\/firewall: expected one global firewall.*found both.*Keep one/,
  ],
  [
    "50 MB",
    spoilText(() => Buffer.alloc(50_000_000, " ")),
    /phoenix_vm_configs\.json: expected at most 32 MiB, found 48 MiB\. Give/,
  ],
  [
    "nesting 10,000 deep",
    spoilText(() => `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`),
    /json:1:1001: expected at most 200 levels of nesting, found more\. Give/,
  ],
  [
    "a byte that is no UTF-8",
    spoilText((vm) => Buffer.from(vm.replace("Portainer over", "Portainer \u00ff over"), "latin1")),
    new RegExp(`${PLACE}: expected text in UTF-8, found the byte 0xff\\. Save`),
  ],
  [
    "a loop of links",
    (folder) => {
      rmSync(join(folder, VM));
      symlinkSync(VM, join(folder, VM));
    },
    /vm_configs\.json: expected a regular, readable file, found a loop of symbolic links\. Make/,
  ],
  [
    "a directory in a file's place",
    (folder) => {
      rmSync(join(folder, VM));
      mkdirSync(join(folder, VM));
    },
    /vm_configs\.json: expected a regular file, found a directory\. Make/,
  ],
];

for (const [index, [title, spoil, message]] of REFUSED.entries()) {
  test(`${title}: exit 2, one clear line, within bounds`, async () => {
    using estate = estateFolder();
    spoil(estate.path);
    // All read the files in one way: each row goes through check and one of the others.
    const verbs = ["check", index % 2 === 0 ? "explain" : "plan"];
    const results = await Promise.all(verbs.map((verb) => bounded(verb, estate.path)));
    for (const { status, stdout, stderr } of results) {
      assert.deepEqual([status, stdout, stderr.trimEnd().split("\n").length], [2, "", 1], stderr);
      assert.match(stderr, message);
    }
  });
}

test("an unreadable file: exit 2 and one clear line", async () => {
  using estate = estateFolder();
  chmodSync(estate.path, 0o755);
  chmodSync(join(estate.path, VM), 0);
  const { status, stderr } = await bounded("check", estate.path, true);
  assert.equal(status, 2);
  assert.match(
    stderr,
    /vm_configs\.json: expected a regular, readable file, found no permission to read it\. Make/,
  );
});

for (const [title, change] of Object.entries({
  CRLF: (vm: string) => vm.replaceAll("\n", "\r\n"),
  "a byte order mark": (vm: string) => `\uFEFF${vm}`,
})) {
  test(`${title} changes no answer`, async () => {
    using estate = estateFolder();
    using spoilt = estateFolder();
    spoilText(change)(spoilt.path);
    const verbs = ["check", "explain"];
    const [plain, other] = await Promise.all(
      [estate, spoilt].map(({ path }) => Promise.all(verbs.map((verb) => bounded(verb, path)))),
    );
    const answers = (results: readonly Measured[] = []) =>
      results.map(({ status, stdout, stderr }) => [status, stdout, stderr]);
    assert.deepEqual(answers(other), answers(plain));
    assert.deepEqual(
      plain?.map(({ status }) => status),
      [0, 0],
    );
  });
}

/** A rule each of its own, so that none makes another cheap. */
const MANY = Array.from({ length: 100_000 }, (_, index) => ({
  type: "in",
  action: "ACCEPT",
  proto: "tcp",
  source: `10.0.0.${(index % 200) + 1}`,
  port: String((index % 65_000) + 1),
  comment: `Rule ${index}`,
}));

test("100,000 rules: the right answer, within bounds", async () => {
  using estate = estateFolder(({ vm }) => (vm.vms[1].firewall.rules = MANY));
  const explained = await bounded("explain", estate.path);
  assert.match(explained.stdout, /^tcp to port 8080, [^]*\ndrop\n/);
  assert.equal((await bounded("plan", estate.path)).status, 0);
  const { status, stdout } = await bounded("check", estate.path);
  assert.equal(status, 1);
  assert.match(stdout, new RegExp(`^${PLACE}`, "m"));
});

const ON = "[OPTIONS]\nenable: 1\n";
const GROUP = Array.from({ length: 10_000 }, (_, at) => `IN ACCEPT -p tcp -dport ${at + 1}\n`).join("");
const HOLES = Array.from({ length: 20_000 }, (_, at) => `!2001:db8:${at.toString(16)}::1\n`).join("");

test("import: a group of 10,000 rules that 100 guests use, and a set with 20,000 holes, within bounds", async () => {
  using estate = estateFolder();
  const [groups, holes] = ["groups", "holes"].map((name) => join(estate.path, name)) as [string, string];
  for (const path of [groups, holes]) mkdirSync(path);
  writeFileSync(join(groups, "cluster.fw"), `${ON}\n[group big]\n\n${GROUP}`);
  for (let id = 100; id < 200; id++) writeFileSync(join(groups, `${id}.fw`), `${ON}\n[RULES]\n\nGROUP big\n`);
  const large = await inBounds(["import", "pve", groups]);
  assert.deepEqual([large.status, large.stdout, large.stderr.split("\n").length], [2, "", 2]);
  assert.match(
    large.stderr,
    /110\.fw:6:1 \[RULES\]: expected at most 100000 rules .*found 10000 here after 100000/,
  );

  const set = `${ON}\n[IPSET shut]\n\n::/1\n${HOLES}`;
  writeFileSync(join(holes, "cluster.fw"), `${set}\n[RULES]\n\nIN ACCEPT -source +dc/shut\n`);
  const { status, stderr } = await inBounds(["import", "pve", holes]);
  assert.equal(status, 1);
  assert.match(stderr, /lost: cluster\.fw:\d+:1 .*would be 1600038 networks, more than 65536/);
});

test("100,000 wrong rules, each in several ways: exit 2 with the first faults, within bounds", async () => {
  const wrong = Array.from({ length: 100_000 }, () => ({
    type: "inx",
    action: "ACEPT",
    prot: "tcp",
    port: -1,
  }));
  using estate = estateFolder(({ vm }) => (vm.vms[1].firewall.rules = wrong));
  for (const verb of ["check", "explain", "plan"]) {
    const { status, stdout, stderr } = await bounded(verb, estate.path);
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, new RegExp(`^phx: ${PLACE} /vms/1/firewall/rules/0/type: expected "in" or "out"`));
    assert.match(stderr.trimEnd().split("\n").at(-1) ?? "", /not all values were looked at/);
  }
});

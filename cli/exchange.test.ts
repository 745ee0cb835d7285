import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { command } from "../components/command.ts";
import { estateFolder, phx } from "../fixtures/phx.ts";
import { REFERENCE } from "../fixtures/reference.ts";

/** An empty folder, gone when disposed of. */
function emptyFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "phx-exchange-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** A folder with these files, gone when disposed of. */
function folderWith(files: Readonly<Record<string, string>>): ReturnType<typeof emptyFolder> {
  const folder = emptyFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.path, name), text);
  return folder;
}

const textOf = (...path: string[]) => readFileSync(join(...path), "utf8");

test("the reference estate goes to Proxmox's files and back, and not a byte of it changes", async () => {
  using folder = emptyFolder();
  const [pve, back] = [join(folder.path, "pve"), join(folder.path, "back")];
  const exported = await phx(["export", "pve", REFERENCE, "--out", pve]);
  assert.equal(exported.status, 0, exported.stderr);
  assert.match(exported.stderr, /^phx: left out: guest 9000 .*: a template\n$/);
  assert.match(
    textOf(pve, "101.conf"),
    /^net0: name=eth0,.*hwaddr=52:54:00:67:89:B3,ip=10\.0\.0\.153\/24,firewall=1$/m,
  );
  const imported = await phx(["import", "pve", pve, "--estate", REFERENCE, "--out", back]);
  assert.deepEqual([imported.status, imported.stderr], [0, ""]);
  assert.match(imported.stdout, /^\S+: the firewall sections say what the node does already\n$/);
  const names = readdirSync(back).sort();
  assert.deepEqual(names, readdirSync(REFERENCE).sort());
  for (const name of names) assert.equal(textOf(back, name), textOf(REFERENCE, name));
});

test("without --out an export prints its files, each under its name; --json holds the same", async () => {
  using estate = estateFolder(({ lxc }) => {
    lxc.lxc_configs["101"].firewall.rules.push({ type: "in", action: "ACCEPT", source: "+lan" });
  });
  const { status, stdout, stderr } = await phx(["export", "pve", estate.path]);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /refused: phoenix_lxc_configs\.json:\d+:\d+ \S+ "IN ACCEPT -source \+lan": source \+lan: no such ipset\n/,
  );
  assert.match(
    stdout,
    /^# ==> cluster\.fw\n# the host: [^]*\n# ==> 101\.fw\n[^]*\n# IN ACCEPT -source \+lan\n/,
  );
  const json = await phx(["export", "pve", estate.path, "--json"]);
  const { files, refused } = JSON.parse(json.stdout) as { files: Record<string, string>; refused: unknown[] };
  assert.deepEqual([json.status, refused.length], [1, 1]);
  assert.ok(Object.entries(files).every(([name, text]) => stdout.includes(`# ==> ${name}\n${text}`)));
});

const LOSSY = {
  "cluster.fw": "[OPTIONS]\nenable: 1\n[RULES]\nIN ACCEPT -p tcp -dport 22 # admins\nIN accept\n",
  "101.fw": "[OPTIONS]\nenable: 1\nmacfilter: 0\n[RULES]\nIN ACCEPT -p tcp -dport 443\n",
  "101.conf": "net0: name=eth0,bridge=vmbr0,hwaddr=52:54:00:67:89:B3,ip=10.0.0.153/24,firewall=1\n",
};

test("what JSON can't say is told with its place, the rest is printed, exit 1; without it exit 0", async () => {
  using folder = folderWith(LOSSY);
  const { status, stdout, stderr } = await phx(["import", "pve", folder.path]);
  const { firewall, guests } = JSON.parse(stdout) as {
    firewall: { global_firewall_rules: unknown[] };
    guests: Record<string, { firewall: { rules: { port: string }[] } }>;
  };
  assert.equal(status, 1);
  assert.match(stderr, /^phx: lost: 101\.fw:3:1 \[OPTIONS\] "macfilter: 0": Phoenix JSON has no key for it/m);
  assert.match(stderr, /^phx: note: cluster\.fw:5:1 \[RULES\] "IN accept": unknown action accept/m);
  assert.deepEqual(firewall.global_firewall_rules, [
    { type: "in", action: "ACCEPT", proto: "tcp", port: "22", comment: "admins" },
  ]);
  assert.equal(guests["101"]?.firewall.rules[0]?.port, "443");
  writeFileSync(join(folder.path, "101.fw"), LOSSY["101.fw"].replace("macfilter: 0", ""));
  const whole = await phx(["import", "pve", folder.path, "--json"]);
  const { omissions } = JSON.parse(whole.stdout) as { omissions: { decides: boolean }[] };
  assert.equal(whole.status, 0);
  assert.ok(omissions.length > 0 && omissions.every(({ decides }) => !decides));
});

test("a copy of an estate keeps its secrets and modes, and nothing printed holds them", async () => {
  const secret = "pa55 word\\u0021";
  using estate = estateFolder(({ host }) => (host.portainer_api.admin_password = "SECRET"));
  const file = join(estate.path, "phoenix_hypervisor_config.json");
  writeFileSync(file, textOf(file).replace("SECRET", secret));
  chmodSync(file, 0o600);
  using folder = folderWith({ ...LOSSY, "777.fw": LOSSY["101.fw"] });
  using out = emptyFolder();
  const ended = await phx([
    "import",
    "pve",
    folder.path,
    "--estate",
    estate.path,
    "--out",
    out.path,
    "--json",
  ]);
  assert.equal(ended.status, 1, ended.stderr);
  assert.match(ended.stderr, /^phx: lost: 777\.fw:1:1 "777\.fw": the estate declares no such guest$/m);
  assert.match(ended.stderr, /^phx: note: .*"102\.fw": the node has no such file/m);
  const { written } = JSON.parse(ended.stdout) as { written: { changed: string[]; removed: string[] } };
  assert.deepEqual(written.changed, ["host", "101"]);
  assert.ok(written.removed.includes("102") && !written.removed.includes("101"));
  assert.doesNotMatch(ended.stdout + ended.stderr, /pa55/);
  assert.ok(textOf(out.path, "phoenix_hypervisor_config.json").includes(`"admin_password": "${secret}"`));
  assert.equal(statSync(join(out.path, "phoenix_hypervisor_config.json")).mode & 0o777, 0o600);
});

test("a folder that holds something, a file, one below nothing, a link to nothing: exit 2, and nothing is written", async () => {
  using folder = folderWith({ mine: "kept" });
  symlinkSync("nowhere", join(folder.path, "dangling"));
  symlinkSync("loop", join(folder.path, "loop"));
  const cases: readonly (readonly [out: string, expected: RegExp])[] = [
    [folder.path, /found one that holds dangling, loop, mine\. Give a new or an empty folder.*\[usage\]/],
    [join(folder.path, "mine"), /found a file there or on the way/],
    [join(folder.path, "mine", "out"), /found a file there or on the way/],
    [
      join(folder.path, "a", "b"),
      /^phx: phx export pve: --out \S+\/a\/b: expected a folder to make it in, found no (\S+\/a)\. Make that first: mkdir -p \1 \[usage\]\n$/,
    ],
    [
      join(folder.path, "dangling"),
      /found a symbolic link to nothing\. Give a new or an empty folder.*\[usage\]/,
    ],
    [join(folder.path, "loop"), /found a loop of symbolic links\. Give/],
    ["", /--out with an empty value\. Run/],
  ];
  for (const [out, expected] of cases) {
    const { status, stdout, stderr } = await phx(["export", "pve", REFERENCE, "--out", out]);
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, expected);
  }
  assert.deepEqual(readdirSync(folder.path).sort(), ["dangling", "loop", "mine"]);
  assert.equal(textOf(folder.path, "mine"), "kept");
});

test("a server's templates name the FOLDER and --force, and what is missing, each in its own words", async () => {
  using folder = folderWith({ mine: "kept" });
  const cases: readonly (readonly [args: readonly string[], expected: RegExp])[] = [
    [
      [folder.path],
      /^phx: phx export nginx: \S+: expected a new or an empty folder, found one that holds mine\. Give a new or an empty folder: with --force files of the same names are replaced\. \[usage\]\n$/,
    ],
    [
      [join(folder.path, "a", "b")],
      /^phx: phx export nginx: \S+\/a\/b: expected a folder to make it in, found no (\S+\/a)\. Make that first: mkdir -p \1 \[usage\]\n$/,
    ],
    [
      [],
      /^phx: phx export: expected a FOLDER behind nginx, found none\. Run 'phx export --help'\. \[usage\]\n$/,
    ],
    [["x", "--out", "y"], /found nginx with --out, which is of pve alone\. Run/],
  ];
  for (const [args, expected] of cases) {
    const { status, stdout, stderr } = await phx(["export", "nginx", ...args]);
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, expected);
  }
  assert.deepEqual(readdirSync(folder.path), ["mine"]);
});

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can mount, and become nobody" };

test(
  "a full disk or a folder of somebody else's: exit 3, and nothing half-written stays",
  needsRoot,
  async () => {
    using folder = emptyFolder();
    chmodSync(folder.path, 0o755);
    const node = `"${process.execPath}" cli/main.ts export pve --out`;
    const full = `mount -t tmpfs -o size=24k none "$0"; ${node} "$0/new"; echo $?; mkdir "$0/old"; ${node} "$0/old"; echo $?; find "$0"`;
    const ended = await command("unshare", ["--mount", "sh", "-c", full, folder.path]);
    assert.equal(
      ended.stdout,
      ["3", "3", folder.path, join(folder.path, "old"), ""].join("\n"),
      ended.stderr,
    );
    assert.match(ended.stderr, /phx: \S+\/new: expected to be written, found ENOSPC.*\[disk-write\]/);
    const nobody = ["--reuid", "65534", "--clear-groups", "sh", "-c", `${node} "$0/new"`, folder.path];
    const refused = await command("setpriv", nobody);
    assert.equal(refused.status, 3);
    assert.match(refused.stderr, /EACCES.*\[disk-write\]/);
    assert.deepEqual(readdirSync(folder.path), []);
  },
);

test("a cluster's /etc/pve needs --node; the folder of another kind and wrong arguments: exit 2", async () => {
  using folder = emptyFolder();
  const { path } = folder;
  for (const below of ["firewall", "nodes/a/lxc", "nodes/b/lxc"])
    mkdirSync(join(path, below), { recursive: true });
  writeFileSync(join(path, "firewall/101.fw"), "[OPTIONS]\nenable: 1\n");
  writeFileSync(join(path, "nodes/a/lxc/101.conf"), LOSSY["101.conf"]);
  writeFileSync(join(path, "nodes/b/host.fw"), "[OPTIONS]\nlog_level_in: info\n");
  const named = await phx(["import", "pve", path, "--node", "a"]);
  const { guests } = JSON.parse(named.stdout) as {
    guests: Record<string, { firewall: { enabled: boolean } }>;
  };
  assert.deepEqual([named.status, guests["101"]?.firewall.enabled], [0, true], named.stderr);
  const cases: readonly (readonly [args: string[], expected: RegExp])[] = [
    [["import", "pve", path], /expected one node.*found a, b.*\[estate-ambiguous\]/],
    [["import", "pve", REFERENCE], /expected cluster\.fw, host\.fw .*found none of them.*\[estate-missing\]/],
    [["import", "pve"], /expected pve DIR/],
    [["import", REFERENCE], /expected pve DIR/],
    [["import", "pve", path, "--out", "x"], /--estate ESTATE and --out FOLDER together, found --out alone/],
    [["import", "pve", path, "--estate", "x"], /found --estate alone/],
    [["export", "fw"], /expected pve \[DIR\].*found fw/],
    [["export", "pve", path], /\[estate-missing\]/],
  ];
  for (const [args, expected] of cases) {
    const { status, stdout, stderr } = await phx(args);
    assert.deepEqual([status, stdout], [2, ""], stderr);
    assert.match(stderr, expected);
  }
});

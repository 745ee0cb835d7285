import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { HarnessError, HarnessErrors } from "../errors.ts";
import { REFERENCE } from "../fixtures/reference.ts";
import { nodeOf } from "./proxmox/node.ts";
import { type FolderDeclaration, readDeclaration, readEstate, readNode } from "./read.ts";

type Files = Readonly<Record<string, string | Buffer>>;

/** A folder of its own with these files, gone after the test. */
function folderOf(context: TestContext, files: Files): string {
  const root = mkdtempSync(join(tmpdir(), "phx-pve-"));
  context.after(() => rmSync(root, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

function read(folder: string): Extract<FolderDeclaration, { kind: "proxmox" }> {
  const declaration = readDeclaration(folder);
  assert.ok(declaration.kind === "proxmox");
  return declaration;
}

function errorsOf(folder: string, nodeName?: string): readonly string[] {
  try {
    readDeclaration(folder, nodeName);
  } catch (error) {
    if (error instanceof HarnessErrors) return error.errors.map(({ message }) => message);
    assert.ok(error instanceof HarnessError, String(error));
    return [error.message];
  }
  assert.fail("it was read");
}

const CLUSTER = "[OPTIONS]\nenable: 1\n";

test("a folder of Phoenix files is a Phoenix declaration, below it too", () => {
  const declaration = readDeclaration(REFERENCE);
  assert.ok(declaration.kind === "phoenix");
  assert.equal(declaration.node, nodeOf(declaration.estate));
  assert.deepEqual(readNode(REFERENCE).nics, nodeOf(readEstate(REFERENCE)).nics);
});

test("a flat folder, its files told with their digests, of hardware only the NICs", (context) => {
  const folder = folderOf(context, {
    "cluster.fw": CLUSTER,
    "101.fw": "[RULES]\nnone\n",
    "101.conf": "cipassword: geheim\nnet0: virtio=52:54:00:10:00:01,bridge=vmbr0\n",
    "notes.txt": "x",
    "vnet.fw": "x",
  });
  const { files, ignored, node } = read(folder);
  assert.deepEqual(
    files.map(({ name }) => name),
    ["101.conf", "101.fw", "cluster.fw"],
  );
  assert.equal(files[0]?.text, "\nnet0: virtio=52:54:00:10:00:01,bridge=vmbr0\n");
  assert.match(files[2]?.sha256 ?? "", /^[0-9a-f]{64}$/);
  assert.equal(ignored.length, 1);
  assert.equal(node.nics[0]?.flagged, false);
  assert.deepEqual(readNode(folder).nics, node.nics);
});

test("/etc/pve's tree: `local` names the node, a name given comes first", (context) => {
  const folder = folderOf(context, {
    "firewall/cluster.fw": CLUSTER,
    "nodes/pve1/qemu-server/101.conf": "net0: virtio=52:54:00:10:00:01,bridge=vmbr0",
    "nodes/pve2/lxc/102.conf": "net0: name=eth0,hwaddr=52:54:00:10:00:02,bridge=vmbr0",
    "network/interfaces": "iface vmbr0 inet static\naddress 10.0.0.13/24",
  });
  assert.match(errorsOf(folder)[0] ?? "", /found pve1, pve2.*estate-ambiguous/);
  symlinkSync("nodes/pve2", join(folder, "local"));
  assert.deepEqual(
    readNode(folder).nics.map(({ place }) => place),
    ["102"],
  );
  assert.deepEqual(
    readNode(folder, "pve1").nics.map(({ place }) => place),
    ["101"],
  );
  assert.equal(readNode(folder).host.address, "10.0.0.13");
});

test("both kinds in one place are refused, and both are named", (context) => {
  const folder = folderOf(context, { "cluster.fw": CLUSTER });
  cpSync(REFERENCE, join(folder, "etc"), { recursive: true });
  assert.match(
    errorsOf(folder)[0] ?? "",
    /both: phoenix_hypervisor_config.json in .*\/etc, .fw files in .*estate-ambiguous/,
  );
  assert.equal(readDeclaration(join(folder, "etc")).kind, "phoenix");
});

test("a folder with neither is refused, and both are named", (context) => {
  assert.match(errorsOf(folderOf(context, {}))[0] ?? "", /or Proxmox's .fw files, found an empty folder/);
});

test("a file in a folder's place: the remedy serves both kinds", (context) => {
  const folder = folderOf(context, { "100.fw": CLUSTER });
  const [message] = errorsOf(join(folder, "100.fw"));
  assert.match(
    message ?? "",
    /found a file\. Give the folder that holds the Phoenix files, or that with Proxmox's \.fw files\./,
  );
});

test("a .fw file whose name Proxmox does not read is told", (context) => {
  const folder = folderOf(context, {
    "cluster.fw": CLUSTER,
    "abc.fw": CLUSTER,
    "firewall/10.FW": "",
    "100.fw": CLUSTER,
  });
  const told = read(folder).notes.flatMap(({ message, position }) =>
    message.includes("does not read it") ? [position.file] : [],
  );
  assert.deepEqual(told, ["abc.fw", "firewall/10.FW"]);
});

test("what is no regular file is told without waiting, all at once", (context) => {
  const folder = folderOf(context, { "cluster.fw": CLUSTER });
  symlinkSync("101.fw", join(folder, "101.fw"));
  symlinkSync("nowhere", join(folder, "102.fw"));
  mkdirSync(join(folder, "103.fw"));
  execFileSync("mkfifo", [join(folder, "104.fw")]);
  writeFileSync(join(folder, "105.fw"), Buffer.alloc(50_000_000, "#"));
  const found = errorsOf(folder).map((message) => /found (.*?)\. /.exec(message)?.[1]);
  assert.deepEqual(found, ["a loop of symbolic links", "nothing", "a directory", "a named pipe", "48 MiB"]);
});

test("files that are too large only together are refused", (context) => {
  const comment = Buffer.alloc(20_000_000, "#");
  const folder = folderOf(context, { "cluster.fw": comment, "101.fw": comment });
  assert.match(errorsOf(folder)[0] ?? "", /expected at most 32 MiB, found 38 MiB/);
});

test("bytes that are no UTF-8 are a note with their place; the rest of the file counts", (context) => {
  const bytes = Buffer.concat([
    Buffer.from("[OPTIONS]\nenable: 1\n# \uFFFD ü\n# x"),
    Buffer.from([0xfc, 0x0a]),
  ]);
  const folder = folderOf(context, { "cluster.fw": bytes });
  const { node, notes } = read(folder);
  assert.equal(node.cluster.options.get("enable")?.value, "1");
  assert.deepEqual(notes[0]?.position, { file: "cluster.fw", line: 4, column: 4, pointer: "" });
  assert.match(notes[0]?.message ?? "", /0xfc/);
});

test("10 million replacement characters before a wrong byte take their time once", (context) => {
  const bytes = Buffer.concat([Buffer.from("\uFFFD".repeat(10_000_000)), Buffer.from([0xff])]);
  const folder = folderOf(context, { "cluster.fw": bytes });
  const before = process.threadCpuUsage();
  assert.match(read(folder).notes[0]?.message ?? "", /0xff/);
  const { user, system } = process.threadCpuUsage(before);
  assert.ok(user + system < 5_000_000, `${user + system}`);
});

test("a million lines are read, more are refused", (context) => {
  const folder = folderOf(context, { "cluster.fw": "a\n".repeat(999_999) });
  assert.equal(read(folder).ignored.length, 999_999);
  writeFileSync(join(folder, "cluster.fw"), "\n".repeat(1_000_000));
  assert.match(errorsOf(folder)[0] ?? "", /expected at most 1000000 lines, found 1000001/);
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { HarnessError } from "../errors.ts";
import { makeEvidenceFolder, writeEvidence } from "./sweep-evidence.ts";

const root = mkdtempSync(join(tmpdir(), "phx-evidence-"));
after(() => rmSync(root, { recursive: true }));

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can mount" };

/** Does the work in a process and a mount view of its own, and gives what it printed, its fault too; killed where it never ends. */
function inView(before: string, work: string) {
  const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const text = `
    const { makeEvidenceFolder, writeEvidence } = await import(${url("sweep-evidence.ts")});
    const { describeError } = await import(${url("fault.ts")});
    try { ${work} } catch (error) { console.log(describeError(error, false).lines.join("\\n")); }`;
  const script = `${before} exec timeout --signal=KILL 20 "$0" --input-type=module -e "$1"`;
  const argv = ["--mount", "--propagation", "private", "sh", "-ec", script, process.execPath, text];
  const { status, stdout, stderr } = spawnSync("unshare", argv, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

test("where the file system makes no folders the fault comes in a moment", needsRoot, () => {
  for (const path of ["/proc/x", "/proc/x/y", "/sys/x"])
    assert.match(
      inView("", `makeEvidenceFolder("${path}")`),
      /^\/(?:proc|sys)\/x: expected a folder, found E.* writable folder.* \[disk-write\]\n$/,
    );
});

test("what has the name, or is on the way, is bad input", () => {
  writeFileSync(join(root, "file"), "");
  symlinkSync("nowhere", join(root, "dangling"));
  symlinkSync("loop", join(root, "loop"));
  const paths = ["file", "file/below", "file/below/it", "dangling", "loop", "x".repeat(300)];
  for (const path of paths) {
    const isUsage = (error: unknown) =>
      error instanceof HarnessError && error.code === "usage" && error.exit === 2;
    assert.throws(() => makeEvidenceFolder(join(root, path)), isUsage, path);
  }
});

test("a read-only file system is told before anything is sent", needsRoot, () => {
  const folder = join(root, "read-only");
  mkdirSync(folder);
  const said = inView(
    `mount -t tmpfs -o ro none ${folder};`,
    `makeEvidenceFolder(${JSON.stringify(folder)})`,
  );
  assert.match(said, new RegExp(`^${folder}: .*EROFS.* \\[disk-write\\]\\n$`));
});

const FRAME = { at: "host eth0", frames: [{ atMs: 0, bytes: Buffer.alloc(60) }] };

test("a file is whole: its draft is gone, and a second writing replaces the first", () => {
  for (let times = 0; times < 2; times++) {
    const [path = ""] = writeEvidence(root, { from: "wan", to: "801" }, "tcp/80", [FRAME]);
    assert.equal(readFileSync(path).length, 24 + 16 + 60);
    assert.deepEqual(readdirSync(join(root, "wan-to-801-tcp-80")), ["host-eth0.pcap"]);
  }
});

test("a full disk: disk-write with the file's path, and nothing half-written stays", needsRoot, () => {
  const folder = join(root, "full");
  mkdirSync(folder);
  const frames = `{ at: "host eth0", frames: [{ atMs: 0, bytes: Buffer.alloc(60_000) }] }`;
  const said = inView(
    `mount -t tmpfs -o size=16k none ${folder};`,
    `const { readdirSync } = await import("node:fs");
     try { writeEvidence("${folder}", { from: "wan", to: "801" }, "tcp/80", [${frames}]); }
     finally { console.log(readdirSync("${folder}/wan-to-801-tcp-80").join()); }`,
  );
  const path = `${folder}/wan-to-801-tcp-80/host-eth0.pcap`;
  assert.match(
    said,
    new RegExp(`^\\n${path}: expected to be written, found ENOSPC.* Free space .*\\[disk-write\\]\\n$`),
  );
});

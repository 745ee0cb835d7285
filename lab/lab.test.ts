import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { labProcess } from "../fixtures/lab-process.ts";
import { labName } from "../fixtures/network-lab.ts";
import { createLab, destroyLab, findLab, outside, sweepLabs } from "./lab.ts";
import { createNamespaces } from "./network.ts";
import { run } from "./process.ts";
import { folderOf, isAlive, recordedNames } from "./record.ts";

test("a lab of a name that lives is refused, and the living one is as before", async () => {
  const name = labName();
  await using owned = await createLab(name);
  const record = readFileSync(`${folderOf(name)}/lab.json`, "utf8");
  await assert.rejects(createLab(name), /lab test-\S+: expected no lab of that name.*\[lab-start\]/);
  assert.ok(isAlive(name));
  assert.equal(readFileSync(`${folderOf(name)}/lab.json`, "utf8"), record);
  assert.deepEqual(findLab(name), owned.lab);
  await run(owned.lab, undefined, ["true"]);
});

test("of several that take one name at once one gets it, and the others leave it whole", async () => {
  const name = labName();
  const taken = await Promise.allSettled(Array.from({ length: 4 }, () => createLab(name)));
  const [winner, ...others] = taken.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  assert.ok(winner);
  assert.deepEqual(others, []);
  assert.deepEqual(findLab(name), winner.lab);
  await run(winner.lab, undefined, ["true"]);
  await destroyLab(winner.lab);
});

test("a name is free again when its lab has ended, and the old lab's end is no end of the new one", async () => {
  const name = labName();
  const first = await createLab(name);
  await destroyLab(first.lab);
  assert.ok(!recordedNames().includes(name));
  await using second = await createLab(name);
  await destroyLab(first.lab);
  first.handOver();
  assert.deepEqual(findLab(name), second.lab);
  await run(second.lab, undefined, ["true"]);
});

test("a sweep leaves labs that live or are being made", async () => {
  const name = labName();
  const making = createLab(name);
  const swept = [sweepLabs()];
  await using _owned = await making;
  swept.push(sweepLabs());
  assert.ok(!swept.flat().includes(name));
  assert.ok(isAlive(name));
});

test("two labs have the same names side by side and share nothing", async () => {
  await using a = await createLab(labName());
  await using b = await createLab(labName());
  for (const { lab } of [a, b]) {
    await createNamespaces(lab, ["host", "101"]);
    await run(lab, "101", ["ip", "link", "add", "eth0", "type", "bridge"]);
    await run(lab, undefined, ["sh", "-c", `echo ${lab.name} >/run/phx/name`]);
  }
  await run(a.lab, "101", ["ip", "link", "del", "eth0"]);
  assert.match(await run(b.lab, "101", ["ip", "-o", "link"]), /eth0/);
  assert.doesNotMatch(await run(a.lab, "101", ["ip", "-o", "link"]), /eth0/);
  for (const { lab } of [a, b])
    assert.equal(readFileSync(outside(lab, "/run/phx/name"), "utf8"), `${lab.name}\n`);
  await destroyLab(a.lab);
  assert.match(await run(b.lab, "101", ["ip", "-o", "link"]), /eth0/);
});

/* On a /run of their own: the machine's may hold labs of others. */
const OWN_RUN = "export PHX_LABS=/run/phx/labs; mount -t tmpfs tmpfs /run";
const told = "(error) => { console.log(error.name, error.message); }";

async function say(code: string, options: Parameters<typeof labProcess>[1] = { before: OWN_RUN }) {
  const program = labProcess(code, options);
  await program.end();
  await program.leavesNone();
  return program.said();
}

test("the only lab is found without its name; none and two are faults that name what stands", async () => {
  const said = await say(`
    const find = (name) => { try { return findLab(name).name; } catch (error) { return error.message; } };
    const say = (...names) => console.log(names.map(find).join("; "));
    say(undefined, "a");
    const a = await createLab("a");
    a.handOver();
    say(undefined, "a", "b");
    const b = await createLab("b");
    say(undefined, "b");
    b.handOver();
    say(undefined, "b");
    await destroyLab(a.lab);
    say(undefined);
    await destroyLab(b.lab);`);
  const [none, one, another, two, last] = said.trim().split("\n");
  assert.match(none ?? "", /^lab: .*found none.*\[lab-missing\]; lab a: .*found none.*\[lab-missing\]$/);
  assert.match(one ?? "", /^a; a; lab b: expected a standing lab, found a\..*\[lab-missing\]$/);
  assert.equal(another, "a; b", "one in the hands of a running phx is found by its name alone");
  assert.match(two ?? "", /found a, b\..*\[lab-ambiguous\]; b$/);
  assert.equal(last, "b");
});

const REFUSALS: readonly [string, Parameters<typeof labProcess>[1], RegExp][] = [
  [
    "no unshare",
    { env: { PATH: "/nonexistent" } },
    /^HarnessError unshare: .*spawn unshare ENOENT.*\[lab-start\]/,
  ],
  [
    "no mount",
    { before: `${OWN_RUN}; mkdir /run/bin; ln -s /usr/bin/unshare /bin/sh /run/bin; PATH=/run/bin` },
    /^HarnessError unshare: .*mount: not found.*\[lab-start\]/,
  ],
  [
    "a user other than root",
    { uid: 65_534 },
    /^HarnessError a lab: expected root, found user 65534.*\[not-root\]/,
  ],
  [
    "root without a capability",
    { before: `set -- setpriv --bounding-set=-net_admin,-net_raw "$@"` },
    /^HarnessError a lab: expected the capabilities CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN, found a process without CAP_NET_ADMIN, CAP_NET_RAW\. Run it.*\[capability-missing\]/,
  ],
  [
    "a read-only /run",
    { before: `${OWN_RUN}; mount -o remount,ro /run` },
    /^HarnessError \/run\/phx\/labs\/refused: expected room for a lab's record, found EROFS.*\[disk-write\]/,
  ],
  [
    "a full /run",
    {
      before:
        "export PHX_LABS=/run/phx/labs; mount -t tmpfs -o size=4k tmpfs /run; head -c 4096 /dev/zero >/run/full",
    },
    /^HarnessError \/run\/phx\/labs\/refused: expected room for a lab's record, found ENOSPC.*\[disk-write\]/,
  ],
];

for (const [title, options, expected] of REFUSALS) {
  test(`${title} is a fault that says so, and nothing is left`, async () => {
    const said = await say(
      `await createLab("refused").then(() => console.log("made"), ${told}); console.log("records:", standingLabs().length, sweepLabs().length);`,
      options,
    );
    assert.match(said, expected);
    if (options?.uid === undefined) assert.match(said, /records: 0 0$/m);
  });
}

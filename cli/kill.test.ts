/** However a converge is ended before its end, nothing of it stays, and the next command says what it swept. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { disposableLab, estateFolder, phx, phxProcess } from "../fixtures/phx.ts";
import { differences, snapshotRoot } from "../lab/isolation.ts";
import { isUnfinished } from "../converge/apply.ts";
import { destroyLab, findLab } from "../lab/lab.ts";
import { folderOf } from "../lab/record.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };

for (const moment of ["namespace host", "links fabric", "service step-ca", "service backends"]) {
  test(
    `killed at "${moment}": nothing is left, and the next command sweeps the record`,
    needsRoot,
    async () => {
      await using lab = disposableLab();
      const before = snapshotRoot();
      const converge = phxProcess(["converge", "--lab", lab.name]);
      await converge.until(`+ create  ${moment} `);
      assert.notDeepEqual(converge.left(), []);
      converge.child.kill("SIGKILL");
      assert.equal(await converge.end(), "SIGKILL");
      await converge.leavesNone();
      assert.deepEqual(differences(before, snapshotRoot()), []);
      const next = await phx(["destroy", lab.name]);
      assert.match(next.stderr, new RegExp(`^phx: swept the record of lab ${lab.name}: `, "m"));
      assert.equal(existsSync(folderOf(lab.name)), false);
    },
  );
}

test("SIGINT and SIGTERM: exit 130 and 143, and not even a record is left", needsRoot, async () => {
  for (const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    await using lab = disposableLab();
    const converge = phxProcess(["converge", "--lab", lab.name]);
    await converge.until("+ create  service nginx");
    converge.child.kill(signal);
    assert.equal(await converge.end(), status);
    await converge.leavesNone();
    assert.equal(existsSync(folderOf(lab.name)), false);
  }
});

test("a standing lab that a killed converge left half-done is built anew", needsRoot, async () => {
  await using lab = disposableLab();
  assert.equal((await phx(["converge", "--lab", lab.name])).status, 0);
  using other = estateFolder(({ lxc, host }) => {
    delete lxc.lxc_configs[101].firewall.rules[0].dest;
    host.dns_server.authoritative_zones[0].records.pop();
  });
  const converge = phxProcess(["converge", other.path, "--lab", lab.name]);
  await converge.until("~ replace firewall host");
  converge.child.kill("SIGKILL");
  await converge.end();
  assert.ok(isUnfinished(findLab(lab.name)));
  assert.match(
    (await phx(["plan", other.path, "--lab", lab.name])).stdout,
    /does not stand: all is to be made/,
  );
  const again = await phx(["converge", other.path, "--lab", lab.name]);
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, new RegExp(`lab ${lab.name} was left half-converged`));
  assert.match((await phx(["plan", other.path, "--lab", lab.name])).stdout, /nothing to do/);
});

test("a lab that is destroyed while it is converged: exit 3, and the words say so", needsRoot, async () => {
  await using lab = disposableLab();
  const converge = phxProcess(["converge", "--lab", lab.name]);
  await converge.until("+ create  links fabric");
  // As phx destroy does, but from here: on a busy machine a phx of its own may start only when the converge is done.
  await destroyLab(findLab(lab.name));
  assert.equal(await converge.end(), 3);
  assert.match(converge.said(), /^phx: lab test-\w+: .*The lab was destroyed while in use.*\[lab-gone\]$/m);
  await converge.leavesNone();
});

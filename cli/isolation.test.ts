/**
 * Nothing of a lab reaches the root namespace. Looked at all the time while phx converges, probes and destroys, in a root
 * namespace made for the test, whose only uplink nobody else uses; and in the machine's own, where counters move anyway.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { labName } from "../fixtures/network-lab.ts";
import { markedProcess } from "../fixtures/lab-process.ts";
import { REFERENCE } from "../fixtures/reference.ts";

/* IPv6 would send by itself. A packet that left by mistake would find its way: there is a default route. */
const PRETEND_ROOT = `
mount -t tmpfs tmpfs /run
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
ip link set lo up
ip link add uplink type veth peer name street
ip addr add 192.0.2.2/24 dev uplink
ip link set street up
ip link set uplink up
ip neigh replace 192.0.2.1 lladdr 02:00:00:00:00:01 dev uplink nud permanent
ip route add default via 192.0.2.1
exec "$@"`;

const path = (relative: string) => JSON.stringify(fileURLToPath(new URL(relative, import.meta.url)));
const program = (name: string, { verbs, counters }: Watch) => `
import { spawn } from "node:child_process";
const { differences, snapshotRoot } = await import(${path("../lab/isolation.ts")});
const before = snapshotRoot();
const told = [];
const words = { converge: ["converge", ${JSON.stringify(REFERENCE)}, "--lab", "${name}"] };
for (const verb of ${JSON.stringify(verbs)}) {
  const args = words[verb] ?? [verb, "${name}"];
  const child = spawn(process.execPath, [${path("./main.ts")}, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  const differing = new Set();
  let looks = 0;
  let ended = false;
  child.on("close", () => (ended = true));
  do {
    for (const line of differences(before, snapshotRoot(), { counters: ${counters} })) differing.add(line);
    looks++;
    await new Promise((resolve) => setImmediate(resolve));
  } while (!ended);
  for (const line of differences(before, snapshotRoot(), { counters: ${counters} })) differing.add("after: " + line);
  told.push({ verb, status: child.exitCode, looks, differing: [...differing], said });
}
console.log("RESULT" + JSON.stringify(told));
`;

interface Watch {
  readonly verbs: readonly ("converge" | "probe" | "destroy")[];
  readonly counters: boolean;
}

interface Told {
  readonly verb: string;
  readonly status: number;
  readonly looks: number;
  readonly differing: readonly string[];
  readonly said: string;
}

/** Fails unless the verbs do their work and every look shows the root namespace as before. */
async function unchanged(before: readonly string[], watch: Watch): Promise<void> {
  const code = program(labName(), watch);
  const started = markedProcess([...before, process.execPath, "--input-type=module", "-e", code]);
  await started.end();
  await started.leavesNone();
  const [, json = assert.fail(started.said())] = started.said().split("RESULT");
  const told = JSON.parse(json) as Told[];
  assert.equal(told.length, watch.verbs.length);
  for (const { verb, status, looks, differing, said } of told) {
    assert.deepEqual(differing, [], verb);
    assert.equal(status, 0, `${verb}: ${said}`);
    assert.ok(looks > 1, `${verb} was looked at while it ran`);
  }
}

test("converge, probe and destroy leave a root namespace as it was, to the last counter", async () => {
  const enter = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-ec", PRETEND_ROOT, "sh"];
  await unchanged(enter, { verbs: ["converge", "probe", "destroy"], counters: true });
});

test("so do converge and destroy the machine's own, but for counters, which its other traffic moves", async () => {
  await unchanged([], { verbs: ["converge", "destroy"], counters: false });
});

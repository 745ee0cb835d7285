import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { test } from "node:test";
import { trackLive } from "../fixtures/full-table.ts";
import { labName } from "../fixtures/network-lab.ts";
import { conntrackFill } from "../lab/conntrack.ts";
import { createLab, type Lab } from "../lab/lab.ts";
import { AF_INET, bindInet, sendAll, SOCK_DGRAM, sockaddrIn, socket } from "../lab/libc.ts";
import { within } from "../lab/namespace.ts";
import { createNamespaces, runBatches } from "../lab/network.ts";
import { run } from "../lab/process.ts";
import type { PacketProbe } from "./probe.ts";
import { TrackedRoom } from "./tracked.ts";

const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a lab" };
const TRACKING = "*filter\n-A OUTPUT -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n";
const NODE = "host";
const [SPORT, OTHER_SPORT] = [20_001, 20_002];

async function nodeThatTracks() {
  const owned = await createLab(labName());
  await createNamespaces(owned.lab, [NODE]);
  await runBatches(owned.lab, [{ namespace: NODE, tool: "ip", lines: ["link set lo up"] }]);
  await run(owned.lab, NODE, ["iptables-legacy-restore"], TRACKING);
  return owned;
}

function probe(dest: string): PacketProbe {
  const ends = { from: NODE, to: NODE, source: "127.0.0.1", dest };
  return { kind: "packets", id: dest, ...ends, forged: false, keys: ["udp/1-3"] };
}

/** Three flows as that probe's packets make them. */
function send(lab: Lab, { source, dest }: PacketProbe, sport: number): void {
  const fd = within(lab, NODE, () => socket(AF_INET, SOCK_DGRAM, 0));
  bindInet(fd, source, sport);
  for (const port of [1, 2, 3]) sendAll(fd, [Buffer.from("x")], [sockaddrIn(dest, port)]);
  closeSync(fd);
}

const tracked = (lab: Lab) => conntrackFill(lab, NODE)?.count ?? 0;

test("an earlier probe of the same ends and source port is forgotten, and no other", needsRoot, async () => {
  await using owned = await nodeThatTracks();
  const { lab } = owned;
  const room = new TrackedRoom(lab);
  const [one, two] = [probe("127.0.0.2"), probe("127.0.0.3")];
  for (const [each, sport] of [
    [one, SPORT],
    [one, OTHER_SPORT],
    [two, SPORT],
  ] as const) {
    room.begin(each, sport);
    send(lab, each, sport);
  }
  assert.equal(tracked(lab), 9);
  room.begin(one, SPORT);
  assert.equal(tracked(lab), 6);
  room.begin(one, OTHER_SPORT);
  assert.equal(tracked(lab), 3);
});

test(
  "where others fill half of the table, probes are forgotten once, and few packets are sent at a time",
  needsRoot,
  async () => {
    await using owned = await nodeThatTracks();
    const { lab } = owned;
    const [one, two] = [probe("127.0.0.2"), probe("127.0.0.3")];
    const room = new TrackedRoom(lab);
    room.begin(one, SPORT);
    const inQuiet = room.next(3);
    const others = (conntrackFill(lab, NODE)?.max ?? 0) >> 1;
    trackLive(lab, NODE, others);
    send(lab, one, SPORT);
    assert.equal(tracked(lab), others + 3);
    const inNeed = room.next(3);
    assert.equal(tracked(lab), others, "the probe's flows are forgotten, the others' stay");
    assert.ok(inNeed < inQuiet, `${inNeed} at a time, ${inQuiet} before`);
    room.begin(two, SPORT);
    room.next(3);
    // As of somebody else: what an earlier probe left is forgotten by now, and asked for no more.
    send(lab, one, SPORT);
    send(lab, two, SPORT);
    assert.equal(tracked(lab), others + 6);
    room.next(3);
    assert.equal(tracked(lab), others + 3, "flows of the probe that is sent alone are forgotten");
  },
);

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Diffed, diffed, SMALL, sideOfTexts, type Texts } from "../../fixtures/diffed.ts";
import { unapproved } from "./diff.ts";

/* What an approval covers, and what it never does. */

const guest = (...rules: string[]) => `[OPTIONS]\nenable: 1\n[RULES]\n${rules.join("\n")}\n`;
const OPEN = guest("IN ACCEPT -p tcp -dport 8080");
const GOVERNED = { owner: "net", reason: "a console", ticket: "NET-7", expires: "2026-12-31" };

interface Words {
  readonly from?: string | readonly string[];
  readonly to?: string | readonly string[];
  readonly flows?: readonly string[];
  readonly deviation?: string;
  readonly expires?: string;
}

/** The difference that HEAD's files make, with BASE's approvals. */
function judged(head: Texts, approvals: readonly Words[], base: Texts = {}): Diffed {
  const all = approvals.map((each) => ({
    from: "101",
    to: "102",
    flows: ["tcp 8080"],
    ...GOVERNED,
    ...each,
  }));
  const was = sideOfTexts({ ...SMALL, ...base }, JSON.stringify({ approvals: all }));
  return diffed(was, sideOfTexts({ ...SMALL, ...base, ...head }));
}

function statesOf({ diff }: Diffed): readonly string[] {
  return diff.approvals.map(({ state, why }) => (why === undefined ? state : `${state}: ${why}`));
}

/** Who is newly allowed what without approval, as `101 -> 102: tcp 80`. */
function leftOf({ diff }: Diffed): readonly string[] {
  return unapproved(diff).flatMap(({ from, to, flows, deviation }) =>
    from.flatMap((sender) =>
      to.map(({ id }) => `${sender.id} -> ${id}: ${flows.join("; ")}${deviation ? ` (${deviation})` : ""}`),
    ),
  );
}

test("flows are judged together: two halves are as broad as the whole", () => {
  const broad: readonly (readonly [readonly string[], string])[] = [
    [["tcp 0-32767", "tcp 32768-65535"], "all ports of tcp"],
    [["tcp 1-30000", "tcp, udp 20000-40000"], "most ports of tcp"],
    [["tcp except 22"], "most ports of tcp"],
    [["icmp"], "all types of icmp"],
    [["icmp except redirect"], "most types of icmp"],
    [["icmp type 0-100", "icmp type 90-140"], "most types of icmp"],
    [["tcp 8080, IPv6 only", "udp, IPv6 only"], "all ports of udp"],
    [["any protocol except tcp"], "255 protocols"],
    [["everything"], "any protocol"],
    [["tcp 8080 from 0.0.0.0/1"], "sources of most networks"],
    [["tcp 8080 from 10.0.0.0/8", "tcp 8080 from 20.0.0.0/8, 30.0.0.0/8"], "sources of most networks"],
  ];
  for (const [flows, why] of broad) {
    const diff = judged({ "102.fw": OPEN }, [{ flows }]);
    assert.deepEqual(statesOf(diff), [`too broad: flows: ${why}`], flows.join());
    assert.ok(
      leftOf(diff).some((text) => text.startsWith("101 -> 102: tcp 8080")),
      flows.join(),
    );
  }
  for (const flows of [
    ["tcp 0-32767"],
    ["icmp echo-request, type 13", "tcp 8080"],
    ["tcp 8080 from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"],
    ["gre", "esp", "tcp 8080"],
  ])
    assert.deepEqual(statesOf(judged({ "102.fw": OPEN }, [{ flows }])), ["used"], flows.join());
});

test("approvals of one pair are judged together, those of others and expired ones are not", () => {
  const halves = [{ flows: ["tcp 0-32767"] }, { flows: ["tcp 32768-65535"] }];
  const why = "too broad: flows: with other approvals between the same places all ports of tcp";
  assert.deepEqual(statesOf(judged({ "102.fw": OPEN }, halves)), [why, why]);
  const [low, high] = halves;
  assert.deepEqual(statesOf(judged({ "102.fw": OPEN }, [{ ...low }, { ...high, from: "wan" }])), [
    "used",
    "unused",
  ]);
  assert.deepEqual(statesOf(judged({ "102.fw": OPEN }, [{ ...low }, { ...high, expires: "2026-01-01" }])), [
    "used",
    "expired: expires: 2026-01-01T00:00:00.000Z",
  ]);
});

test("whoever stands for anybody is told by the field", () => {
  assert.deepEqual(statesOf(judged({ "102.fw": OPEN }, [{ from: ["lan", "*"] }, { to: "any" }])), [
    "too broad: from: lan, *",
    "too broad: to: any",
  ]);
});

const at = (byte: number, name?: string) =>
  `${name === undefined ? "" : `hostname: ${name}\n`}net0: name=eth0,bridge=vmbr0,hwaddr=52:54:00:00:00:66,ip=10.0.0.${byte}/24,firewall=1\n`;

test("a guest that took over the id of another has not its approvals", () => {
  const named = { "102.conf": at(102, "web") };
  const head = (conf: string) => ({ "102.fw": OPEN, "102.conf": conf });
  assert.deepEqual(statesOf(judged(head(at(102, "web")), [{}], named)), ["used"]);
  for (const [conf, other] of [
    [at(102, "db"), "102 (db) at 10.0.0.102"],
    [at(109, "web"), "102 (web) at 10.0.0.109"],
  ] as const) {
    const diff = judged(head(conf), [{}, { to: "102 (web)" }], named);
    assert.equal(statesOf(diff)[0], `another guest: to: 102 (web) at 10.0.0.102 is ${other} on HEAD`);
    // With its name a guest may move.
    assert.equal(
      statesOf(diff)[1],
      conf.includes("db") ? `another guest: to: 102 (web) is ${other} on HEAD` : "used",
    );
  }
});

test("a guest that is new on HEAD is approved by its name", () => {
  const conf =
    "hostname: db\nnet0: name=eth0,bridge=vmbr0,hwaddr=52:54:00:00:00:67,ip=10.0.0.103/24,firewall=1\n";
  const head = { "103.conf": conf, "103.fw": OPEN };
  const states = (to: string) => statesOf(judged(head, [{ to }]));
  assert.deepEqual(states("103"), ["another guest: to: 103 (db) at 10.0.0.103 is new on HEAD"]);
  assert.deepEqual(states("103 (web)"), ["another guest: to: 103 (web) is 103 (db) at 10.0.0.103 on HEAD"]);
  assert.deepEqual(states("103 (db)"), ["used"]);
});

test("what is not as its sender sends it needs an approval that says so", () => {
  const base = { "101.fw": "[OPTIONS]\nenable: 1\n", "102.fw": OPEN };
  const forged = { "101.fw": "[OPTIONS]\nenable: 1\nmacfilter: 0\n" };
  const without = judged(forged, [{}, { flows: ["tcp 0-20000"] }], base);
  assert.deepEqual(statesOf(without), ["unused", "unused"]);
  const [told] = leftOf(without).filter((text) => text.startsWith("101 -> 102"));
  assert.match(told ?? "", /\(mac\)$/);
  const said = judged(forged, [{ deviation: "mac" }], base);
  assert.deepEqual(statesOf(said), ["used"]);
  assert.ok(leftOf(said).length > 0);
  const filtered = { "101.fw": "[OPTIONS]\nenable: 1\nipfilter: 1\n", "102.fw": OPEN };
  const source = judged(
    { "101.fw": base["101.fw"] },
    [{}, { flows: ["tcp 8080 from 10.0.0.0/24"] }],
    filtered,
  );
  assert.deepEqual(statesOf(source), ["unused", "unused"]);
  assert.ok(
    leftOf(source).some((text) => /^101 -> 102: .*\(source\)$/.test(text)),
    leftOf(source).join("\n"),
  );
  const covered = judged({ "101.fw": base["101.fw"] }, [{ deviation: "source" }], filtered);
  assert.deepEqual(statesOf(covered), ["used"]);
});

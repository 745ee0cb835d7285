import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith, type Files } from "../fixtures/reference.ts";
import { backendResources, type Listener, listeners } from "./backends.ts";

const rule = (port: string, more: object = {}) => ({
  type: "in",
  action: "ACCEPT",
  proto: "tcp",
  source: "10.0.0.12",
  dest: "10.0.0.141",
  port,
  ...more,
});

/** `proto/port` of grafana's listeners where these are its rules; its route opens 3000. */
function listening(...rules: object[]): string[] {
  const change = ({ lxc }: Files) => {
    lxc.lxc_configs["801"].firewall.rules.push(...rules);
  };
  const own = listeners(estateWith(change)).filter(({ guest }) => guest === "801");
  return own.map(({ proto, port }) => `${proto}/${port}`).sort();
}

test("the reference estate's backends listen where a rule opens or a route leads, and who has a role does not", () => {
  const all = listeners(estateWith(() => {})).map(({ guest, proto, address, port, tls }: Listener) =>
    [guest, `${proto}://${address}:${port}`, ...(tls ? ["tls"] : [])].join(" "),
  );
  assert.deepEqual(all, [
    "801 tcp://10.0.0.141:3000",
    "802 tcp://10.0.0.142:6333",
    "901 tcp://10.0.0.201:8000",
    "1001 tcp://10.0.0.101:9443 tls",
    "1002 tcp://10.0.0.102:9001",
  ]);
});

const CASES: readonly [string, readonly object[], readonly string[]][] = [
  ["no more rule", [], ["tcp/3000"]],
  [
    "a port twice",
    [rule("3000"), rule("8080"), rule("8080", { source: "10.0.0.13" })],
    ["tcp/3000", "tcp/8080"],
  ],
  ["a list and a range", [rule("81,90:92")], ["tcp/3000", "tcp/81", "tcp/90", "tcp/91", "tcp/92"]],
  ["UDP", [rule("514", { proto: "udp" })], ["tcp/3000", "udp/514"]],
  ["a DROP and a REJECT", [rule("81", { action: "DROP" }), rule("82", { action: "REJECT" })], ["tcp/3000"]],
  ["an OUT rule", [rule("81", { type: "out" })], ["tcp/3000"]],
];

for (const [title, rules, expected] of CASES) {
  test(`${title}: ${expected.join(", ")}`, () => assert.deepEqual(listening(...rules), [...expected].sort()));
}

test("a wide range gets listeners at its first ports and its last", () => {
  const wide = listening(rule("20000:60000")).filter((each) => each !== "tcp/3000");
  assert.equal(wide.length, 17);
  assert.deepEqual([wide[0], wide[1], wide.at(-1)], ["tcp/20000", "tcp/20001", "tcp/60000"]);
});

test("each TLS route has a certificate by its hostname, asked for inside the CA's own guest", () => {
  const estate = estateWith(() => {});
  const specs = backendResources(estate).flatMap((each) => (each.kind === "certificate" ? [each.spec] : []));
  assert.deepEqual(
    specs.map(({ name }) => name).sort(),
    estate.routes
      .filter(({ tls }) => tls)
      .map(({ hostname }) => hostname)
      .sort(),
  );
  for (const spec of specs) {
    assert.equal(spec.caNamespace, "103");
    const user = listeners(estate).filter(
      ({ tls }) => tls?.cert === spec.certPath && tls.key === spec.keyPath,
    );
    assert.equal(user.length, 1, spec.name);
  }
});

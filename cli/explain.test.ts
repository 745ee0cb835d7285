import assert from "node:assert/strict";
import { test } from "node:test";
import { phx } from "../fixtures/phx.ts";

const explain = (...args: string[]) => phx(["explain", ...args]);

test("names, ids and addresses give the same words; each line has its place and chain", async () => {
  const byId = await explain("--from", "102", "--to", "1001", "--port", "9443");
  assert.equal(byId.status, 0, byId.stderr);
  assert.match(byId.stdout, /^tcp to port 9443, from 102 \(Traefik, 10\.0\.0\.12\) to 1001 \(Portainer/);
  assert.match(
    byId.stdout,
    /\naccept\n[^]*by rule "IN ACCEPT .*phoenix_vm_configs\.json:37:11.*chain tap1001i0-IN/,
  );
  const byName = await explain("--from", "traefik", "--to", "PORTAINER", "--proto", "tcp", "--port", "9443");
  const byAddress = await explain("--from", "10.0.0.12", "--to", "10.0.0.101", "--port", "9443");
  assert.deepEqual([byName.stdout, byAddress.stdout], [byId.stdout, byId.stdout]);
});

test("a drop exits 0 too; JSON holds flow and decision", async () => {
  const { status, stdout } = await explain("--from", "wan", "--to", "101", "--port", "8080", "--json");
  const { flow, decision } = JSON.parse(stdout) as { flow: { dport: number }; decision: { verdict: string } };
  assert.deepEqual([status, flow.dport, decision.verdict], [0, 8080, "drop"]);
});

test("what is missing or unknown: exit 2 and what is known", async () => {
  const cases: [string[], RegExp][] = [
    [["--from", "wan", "--port", "1"], /expected --to PLACE, found none/],
    [
      ["--from", "mars", "--to", "101", "--port", "1"],
      /lan \(plain device.*1001 \(Portainer, 10\.0\.0\.101\).*found mars/,
    ],
    [["--from", "wan", "--to", "101"], /expected --port PORT with tcp/],
    [["--from", "wan", "--to", "101", "--port", "65536"], /0 to 65535, found 65536/],
    [["--from", "wan", "--to", "101", "--proto", "icmp", "--port", "1"], /a port only with tcp or udp/],
    [["--from", "wan", "--to", "101", "--proto", "gre"], /number from 0 to 255, found gre/],
  ];
  const results = await Promise.all(cases.map(([args]) => explain(...args)));
  for (const [index, { status, stderr }] of results.entries()) {
    assert.equal(status, 2);
    assert.match(stderr, cases[index]?.[1] ?? /./);
  }
});

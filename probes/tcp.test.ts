import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { boundTcp } from "../fixtures/network-lab.ts";
import { SERVER_ADDRESS, serverLab } from "../fixtures/server-lab.ts";
import { run } from "../lab/process.ts";
import { observeTcp } from "./tcp.ts";

let owned: Awaited<ReturnType<typeof serverLab>>;
before(async () => {
  owned = await serverLab();
});
after(() => owned[Symbol.asyncDispose]());

const observe = (port: number, address = SERVER_ADDRESS) =>
  observeTcp(owned.lab, { kind: "tcp", id: "x", from: "client", to: "server", address, port });

test("one that listens is connected to; the request names it", async (context) => {
  const server = createServer().listen({ fd: boundTcp(owned.lab, "server", SERVER_ADDRESS, 80) });
  context.after(() => server.close());
  await once(server, "listening");
  const seen = await observe(80);
  assert.deepEqual([seen.outcome, seen.answer, seen.facts["connected"]], ["answered", "connected", true]);
  assert.equal(seen.request, "TCP connection to 10.0.0.2:80");
});

test("a closed port answers by refusing; that is no connection", async () => {
  const seen = await observe(81);
  assert.deepEqual(
    [seen.outcome, seen.answer, seen.facts["connected"]],
    ["answered", "refused: ECONNREFUSED", false],
  );
});

test("a port that drops is silent", async () => {
  await run(owned.lab, "server", [
    "iptables-legacy",
    "-A",
    "INPUT",
    "-p",
    "tcp",
    "--dport",
    "82",
    "-j",
    "DROP",
  ]);
  const seen = await observe(82);
  assert.equal(seen.outcome, "silent");
  assert.match(seen.answer, /no answer within \d+ ms/);
  assert.equal(seen.facts["connected"], false);
});

test("an address that nobody has is no connection and no crash", async () => {
  const seen = await observe(80, "10.0.0.99");
  assert.equal(seen.facts["connected"], false);
});

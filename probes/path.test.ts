import "../fixtures/own-labs.ts";
import assert from "node:assert/strict";
import * as dnsPacket from "dns-packet";
import { once } from "node:events";
import { createServer as createHttps } from "node:https";
import { createServer as createTcp, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { createServer as createTls } from "node:tls";
import { boundUdp, PUBLIC, SERVER_ADDRESS, serverLab } from "../fixtures/server-lab.ts";
import { writeLabFile } from "../lab/files.ts";
import { boundTcp } from "../lab/socket.ts";
import { BOUND } from "../lab/waits.ts";
import { observePath } from "./path.ts";

const NAME = "a.test";
const EDGE_LOG = "/run/phx/access.log";
const MESH_LOG = "/run/phx/access.json";

let owned: Awaited<ReturnType<typeof serverLab>>;
let nameServer: ReturnType<typeof boundUdp>;
let address: string | undefined = SERVER_ADDRESS;
before(async () => {
  owned = await serverLab();
  nameServer = boundUdp(owned.lab, "server", SERVER_ADDRESS, 53);
  nameServer.on("message", (message, peer) => {
    const { id, questions } = dnsPacket.decode(message);
    const answers = address === undefined ? [] : [{ type: "A" as const, name: NAME, data: address }];
    nameServer.send(
      dnsPacket.encode({ type: "response", id: id ?? 0, questions: questions ?? [], answers }),
      peer.port,
      peer.address,
    );
  });
});
after(async () => {
  nameServer.close();
  await owned[Symbol.asyncDispose]();
});

const observe = () =>
  observePath(
    { ...owned.context, accessLogs: { edge: EDGE_LOG, mesh: MESH_LOG } },
    { kind: "path", id: "x", from: "client", server: SERVER_ADDRESS, name: NAME, roots: "public" },
  );

async function serving(server: Server, work: () => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.on("tlsClientError", () => {});
  server.listen({ fd: boundTcp(owned.lab, "server", SERVER_ADDRESS, 443) });
  await once(server, "listening");
  await work().finally(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

test("a whole way: each stage has its time, and the servers' own times come from their logs", async () => {
  const server = createHttps(PUBLIC.issue(NAME), (request, response) => {
    const tag = request.url?.slice(2) ?? "";
    writeLabFile(
      owned.lab,
      EDGE_LOG,
      `x "GET /?${tag} HTTP/1.1" 200 upstream_connect=0.004 upstream_header=0.010\n`,
    );
    writeLabFile(
      owned.lab,
      MESH_LOG,
      `{"RequestPath":"/?${tag}","Duration":2500000,"OriginDuration":1250000}\n`,
    );
    response.setHeader("x-phx-guest", "801");
    response.end(JSON.stringify({ received: { headers: request.headers } }));
  });
  await serving(server, async () => {
    const { outcome, facts } = await observe();
    assert.equal(outcome, "answered");
    assert.deepEqual(
      ["stage", "address", "authorized", "status", "guest", "canaryReturned"].map((fact) => facts[fact]),
      ["answered", SERVER_ADDRESS, true, 200, "801", true],
    );
    assert.deepEqual(
      ["edgeConnectMs", "edgeFirstByteMs", "meshMs", "meshBackendMs"].map((fact) => facts[fact]),
      [4, 10, 2.5, 1.25],
    );
    for (const fact of ["dnsMs", "connectMs", "tlsMs", "firstByteMs"])
      assert.ok(Number(facts[fact]) > 0, fact);
  });
});

test("no address: it ends at the name", async () => {
  address = undefined;
  const { outcome, answer, facts } = await observe();
  address = SERVER_ADDRESS;
  assert.deepEqual([outcome, facts["stage"], facts["address"]], ["answered", "dns", undefined]);
  assert.match(answer, /^DNS: NOERROR, no answer record/);
});

test("nobody listens: it ends at the connection", async () => {
  const { outcome, answer, facts } = await observe();
  assert.deepEqual([outcome, answer, facts["stage"]], ["answered", "connect: ECONNREFUSED", "connect"]);
});

test("a certificate of another root is seen, and the request is sent on all the same", async () => {
  const { cert, key } = PUBLIC.issue("b.test");
  const server = createHttps({ cert, key }, (_request, response) => response.end());
  await serving(server, async () => {
    const { facts } = await observe();
    assert.deepEqual(
      [facts["authorized"], facts["stage"], facts["canaryReturned"]],
      [false, "answered", false],
    );
  });
});

/** A row each: a server that never ends its answer, and where the way then ends. */
const SLOW: readonly (readonly [string, () => Server, string])[] = [
  ["accepts and says nothing", () => createTcp(), "tls"],
  ["shakes hands and says nothing", () => createTls(PUBLIC.issue(NAME)), "request"],
  [
    "sends a header without end",
    () =>
      createTls(PUBLIC.issue(NAME), (socket) => {
        const drip = setInterval(() => socket.write("x"), 20);
        socket.on("close", () => clearInterval(drip));
        socket.on("error", () => clearInterval(drip));
        socket.write("HTTP/1.1 200 OK\r\nx-endless: ");
      }),
    "request",
  ],
  [
    "sends a body without end",
    () =>
      createTls(PUBLIC.issue(NAME), (socket) => {
        const drip = setInterval(() => socket.write("x"), 20);
        socket.on("close", () => clearInterval(drip));
        socket.on("error", () => clearInterval(drip));
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
      }),
    "request",
  ],
];

for (const [title, make, stage] of SLOW) {
  test(`a server that ${title}: silent at its bound`, async () => {
    await serving(make(), async () => {
      const { outcome, answer, facts } = await observe();
      assert.deepEqual([outcome, facts["stage"]], ["silent", stage]);
      assert.equal(answer, `${stage}: no answer within ${BOUND.exchangeMs} ms`);
    });
  });
}

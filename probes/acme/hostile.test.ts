import "../../fixtures/own-labs.ts";
import assert from "node:assert/strict";
import { createServer as createTcp, type Server, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import { after, before, describe, test } from "node:test";
import { INTERNAL, PUBLIC, SERVER_ADDRESS, serverLab } from "../../fixtures/server-lab.ts";
import { boundTcp } from "../../lab/socket.ts";
import { observeObtain } from "./observe-obtain.ts";
import { observeOrders } from "./observe-orders.ts";
import { openResponder } from "./responder.ts";

/* Servers that are no ACME server: each ends in an outcome within the bounds, and says in what. */

const NAME = "ca.example.test";
const asking = { from: "client", address: SERVER_ADDRESS, servername: NAME, provisioner: "acme" } as const;
const CHUNK = "x".repeat(1 << 16);

/** Writes without end, as fast as it is read. */
function endless(socket: Socket, first: string, chunk: string): void {
  socket.write(first);
  const more = () => {
    while (socket.writable && socket.write(chunk));
  };
  socket.on("drain", more);
  more();
}

/** What each does with a connection after the handshake. */
const TALKS: Record<
  string,
  { readonly talk: (socket: Socket, method: string) => void; readonly says: RegExp }
> = {
  "says nothing": { talk: () => {}, says: /no answer within 3000 ms/ },
  "sends a byte a second": {
    talk: (socket) => {
      const bytes = "HTTP/1.1 200 OK".split("");
      const timer = setInterval(() => socket.write(bytes.shift() ?? " "), 1_000);
      socket.on("close", () => clearInterval(timer));
    },
    says: /no answer within 3000 ms/,
  },
  "sends an endless header": {
    talk: (socket) => endless(socket, "HTTP/1.1 200 OK\r\nreplay-nonce: ", CHUNK),
    says: /Header overflow/i,
  },
  "sends an endless body": {
    talk: (socket, method) =>
      method === "HEAD" ? socket.write(answer(0)) : endless(socket, answer(99_999_999_999), CHUNK),
    says: /more than 16777216 bytes/,
  },
  "answers what is no JSON": {
    talk: (socket, method) => socket.write(method === "HEAD" ? answer(0) : `${answer(2)}}{`),
    says: /no JSON/,
  },
};

function answer(length: number): string {
  return `HTTP/1.1 201 Created\r\nlocation: x\r\nreplay-nonce: one\r\ncontent-length: ${length}\r\n\r\n`;
}

let lab: Awaited<ReturnType<typeof serverLab>>;
const servers: Server[] = [];
let port = 9000;

function listen(server: Server): number {
  servers.push(server);
  server.listen({ fd: boundTcp(lab.lab, "server", SERVER_ADDRESS, ++port) });
  return port;
}

const orders = (at: number) =>
  observeOrders(lab.context, {
    kind: "orders",
    id: "orders",
    ...asking,
    port: at,
    identifiers: [],
    declared: "a.test",
    otherProvisioner: "other",
  });

const obtain = (at: number) =>
  observeObtain(lab.context, {
    kind: "acme",
    id: "acme",
    ...asking,
    port: at,
    name: "a.test",
    responder: "10.0.0.1",
  });

describe("a server that is no ACME server", { concurrency: true }, () => {
  before(async () => {
    lab = await serverLab();
  });
  after(async () => {
    for (const server of servers) server.close();
    await lab[Symbol.asyncDispose]();
  });

  for (const [how, { talk, says }] of Object.entries(TALKS)) {
    test(`one that ${how}`, async () => {
      const server = createTls(INTERNAL.issue(NAME), (socket) => {
        socket.on("error", () => {});
        socket.once("data", (asked: Buffer) => talk(socket, asked.toString("latin1").split(" ")[0] ?? ""));
      });
      server.on("tlsClientError", () => {});
      const at = listen(server);
      const { outcome, reason } = await orders(at);
      assert.equal(outcome, "unknown");
      assert.match(reason ?? "", says);
      assert.match(
        (await obtain(at)).answer,
        new RegExp(`^failed at (account|order): .*(${says.source})`, "i"),
      );
      assert.ok(process.memoryUsage().rss < 512 << 20, "server and client together");
    });
  }

  test("one that takes the connection and never shakes hands", async () => {
    const at = listen(createTcp((socket) => socket.on("error", () => {})));
    const { outcome, reason } = await orders(at);
    assert.deepEqual([outcome, reason], ["unknown", "no answer within 3000 ms"]);
    assert.equal((await obtain(at)).facts["step"], "account");
  });

  test("one whose certificate is of another CA is not spoken to", async () => {
    let heard = 0;
    const server = createTls(PUBLIC.issue(NAME), (socket) => socket.on("data", () => heard++));
    server.on("tlsClientError", () => {});
    const { outcome, reason } = await orders(listen(server));
    assert.equal(outcome, "unknown");
    assert.match(reason ?? "", /certificate/);
    assert.equal(heard, 0);
  });

  test("a responder's port that is taken is told as that", async () => {
    await using _taken = await openResponder(lab.lab, "client", "10.0.0.1");
    const at = listen(createTcp(() => {}));
    const { facts, answer } = await obtain(at);
    assert.equal(facts["step"], "responder");
    assert.match(answer, /EADDRINUSE/);
  });
});

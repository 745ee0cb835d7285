import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { boundTcp } from "../fixtures/network-lab.ts";
import { SERVER_ADDRESS, serverLab } from "../fixtures/server-lab.ts";
import { BOUND } from "../lab/waits.ts";
import { observeHello } from "./hello.ts";
import { observeHttp } from "./http.ts";
import { observeHttp2 } from "./http2.ts";
import type { ServiceObservation } from "./observation.ts";
import { observeRaw } from "./raw.ts";
import { observeTls } from "./tls.ts";

/* Servers that never come to an end: every probe of a service does, within its bound and without keeping what it is sent. */

const MOST_BYTES = 256 * 1024 * 1024;

let owned: Awaited<ReturnType<typeof serverLab>>;
before(async () => {
  owned = await serverLab();
});
after(() => owned[Symbol.asyncDispose]());

/** Writes without end, as fast as it is read. */
function flood(socket: Socket, first: string, each: string): void {
  const chunk = Buffer.from(each.repeat(65_536 / each.length));
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", more);
  socket.write(first);
  more();
}

/** A byte at a time. */
function drip(socket: Socket, bytes: string): void {
  let at = 0;
  const timer = setInterval(() => socket.write(bytes[at++ % bytes.length] ?? ""), 50);
  socket.on("close", () => clearInterval(timer));
}

const SERVERS: readonly [string, (socket: Socket) => void][] = [
  ["accepts and says nothing", () => {}],
  ["sends a response a byte at a time", (socket) => drip(socket, "HTTP/1.1 200 OK\r\nx-a: ")],
  ["sends a handshake a byte at a time", (socket) => drip(socket, "\x16\x03\x03\x3f\xff\x02\x00\x3f\x00")],
  ["sends a header without end", (socket) => flood(socket, "HTTP/1.1 200 OK\r\n", "x-a: b\r\n")],
  ["sends one line without end", (socket) => flood(socket, "HTTP/1.1 200 OK\r\nx-a: ", "b")],
  ["sends a body without end", (socket) => flood(socket, "HTTP/1.1 200 OK\r\n\r\n", "b")],
  [
    "sends chunks without end",
    (socket) => flood(socket, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nb\r\n\r\n"),
  ],
  ["sends handshake records without end", (socket) => flood(socket, "", "\x16\x03\x03\x00\x03\x02\x00\x00")],
];

const at = { id: "x", from: "client", address: SERVER_ADDRESS } as const;
const tls = { servername: "a.test", roots: "public" } as const;
const get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

const PROBES: readonly [string, () => Promise<ServiceObservation>][] = [
  ["http", () => observeHttp(owned.context, { ...at, kind: "http", port: 80, host: "a.test", path: "/" })],
  [
    "https",
    () => observeHttp(owned.context, { ...at, kind: "http", port: 443, tls, host: "a.test", path: "/" }),
  ],
  ["http2", () => observeHttp2(owned.context, { ...at, kind: "http", port: 80, host: "a.test", path: "/" })],
  ["raw", () => observeRaw(owned.context, { ...at, kind: "raw", port: 80, title: "GET /", bytes: get })],
  [
    "raw over TLS",
    () => observeRaw(owned.context, { ...at, kind: "raw", port: 443, tls: {}, title: "GET /", bytes: get }),
  ],
  ["tls", () => observeTls(owned.context, { ...at, kind: "tls", port: 443, ...tls })],
  [
    "hello",
    () =>
      observeHello(owned.context, {
        ...at,
        kind: "hello",
        port: 443,
        hellos: [
          { id: "one", version: 0x0303 },
          { id: "all", version: 0x0304, enumerates: true },
        ],
      }),
  ],
];

async function serving(
  port: number,
  say: (socket: Socket) => void,
  work: () => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.resume();
    say(socket);
  });
  server.listen({ fd: boundTcp(owned.lab, "server", SERVER_ADDRESS, port) });
  await once(server, "listening");
  await work().finally(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

for (const [what, say] of SERVERS) {
  test(`a server that ${what} is answered for within the bound, and in little memory`, async () => {
    const both = (work: () => Promise<void>) => serving(80, say, () => serving(443, say, work));
    await both(async () => {
      const outcomes = await Promise.race([
        Promise.all(PROBES.map(async ([name, observe]) => [name, (await observe()).outcome] as const)),
        new Promise<never>((_, reject) => {
          const late = setTimeout(
            () => reject(new Error("no outcome in time")),
            BOUND.hellosMs + BOUND.exchangeMs,
          );
          late.unref();
        }),
      ]);
      for (const [name, outcome] of outcomes) assert.match(outcome, /^(?:answered|silent)$/, name);
      assert.ok(process.memoryUsage.rss() < MOST_BYTES, `${process.memoryUsage.rss()} bytes resident`);
    });
  });
}

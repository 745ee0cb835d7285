import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, before, test } from "node:test";
import { createServer, type TlsOptions } from "node:tls";
import fc from "fast-check";
import { boundTcp } from "../fixtures/network-lab.ts";
import { PUBLIC, SERVER_ADDRESS, serverLab } from "../fixtures/server-lab.ts";
import { observeHello } from "./hello.ts";
import type { Hello } from "./probe.ts";
import { parseHelloReply } from "./tls-reply.ts";

let owned: Awaited<ReturnType<typeof serverLab>>;
before(async () => {
  owned = await serverLab();
});
after(() => owned[Symbol.asyncDispose]());

async function asked(options: TlsOptions, hellos: readonly Hello[]) {
  const server = createServer({ ...PUBLIC.issue("a.test"), ...options });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.on("tlsClientError", () => {});
  server.listen({ fd: boundTcp(owned.lab, "server", SERVER_ADDRESS, 443) });
  await once(server, "listening");
  const probe = {
    kind: "hello",
    id: "x",
    from: "client",
    address: SERVER_ADDRESS,
    port: 443,
    hellos,
  } as const;
  try {
    return await observeHello(owned.context, probe);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

test("of all suites those are told that the server takes, each once, and what it says to the others", async () => {
  const ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-SHA:TLS_AES_256_GCM_SHA384";
  const { outcome, facts } = await asked({ ciphers }, [
    { id: "1.2", version: 0x0303, enumerates: true },
    { id: "1.3", version: 0x0304, enumerates: true },
    { id: "1.1", version: 0x0302 },
  ]);
  assert.equal(outcome, "answered");
  assert.deepEqual(
    new Set(facts["1.2"] as string[]),
    new Set([
      "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
      "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    ]),
  );
  assert.deepEqual(facts["1.3"], ["TLSv1.3 TLS_AES_256_GCM_SHA384"]);
  assert.equal(facts["1.2, then"], "alert 40 handshake_failure");
  assert.equal(facts["1.1"], "alert 70 protocol_version");
});

test("name, protocol and certificate are the server's", async () => {
  const names: string[] = [];
  const SNICallback: TlsOptions["SNICallback"] = (name, done) => (names.push(name), done(null));
  const { facts } = await asked({ SNICallback, ALPNProtocols: ["h2"] }, [
    { id: "named", version: 0x0303, servername: "B.test.", alpn: ["x", "h2"], compression: true },
    { id: "unknown", version: 0x0304, alpn: ["x"] },
  ]);
  assert.match(
    String(facts["named"]),
    /^TLSv1\.2 \S+, ALPN h2, a session ticket, certificate CN=a\.test, DNS:a\.test$/,
  );
  assert.equal(facts["unknown"], "alert 120 no_application_protocol");
  assert.deepEqual(names, ["B.test."]);
});

test("whatever comes instead of a reply is read without a fault", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom("", "\x16\x03\x03\x00\x40\x02\x00\x00\x3c"),
      (bytes, first) => {
        const reply = parseHelloReply(Buffer.concat([Buffer.from(first, "latin1"), bytes]));
        return reply === undefined || ["alert", "accepted", "garbage"].includes(reply.kind);
      },
    ),
  );
});

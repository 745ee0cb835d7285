import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer as createTcp, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { createServer, type TlsOptions } from "node:tls";
import { boundTcp } from "../fixtures/network-lab.ts";
import { INTERNAL, PUBLIC, SERVER_ADDRESS, serverLab } from "../fixtures/server-lab.ts";
import { observeTls } from "./tls.ts";

let owned: Awaited<ReturnType<typeof serverLab>>;
before(async () => {
  owned = await serverLab();
});
after(() => owned[Symbol.asyncDispose]());

const observe = (servername = "a.test") =>
  observeTls(owned.context, {
    kind: "tls",
    id: "x",
    from: "client",
    address: SERVER_ADDRESS,
    port: 443,
    servername,
    roots: "public",
  });

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

const tls = (options: TlsOptions, work: () => Promise<void>) =>
  serving(
    createServer(options, (socket) => socket.on("error", () => {})),
    work,
  );

test("a chain that holds is verified, and its parts are facts", async () => {
  const issued = PUBLIC.issue("a.test");
  const leaf = new X509Certificate(issued.cert);
  await tls({ ...issued, ALPNProtocols: ["h2"] }, async () => {
    const { outcome, answer, facts } = await observe();
    assert.deepEqual([outcome, answer], ["answered", "verified, issued by Public root"]);
    assert.deepEqual(facts["names"], ["a.test"]);
    assert.equal(facts["serial"], leaf.serialNumber.toLowerCase());
    assert.deepEqual(facts["chain"], [leaf.fingerprint256, new X509Certificate(PUBLIC.root).fingerprint256]);
    assert.deepEqual(
      [facts["authorized"], facts["protocol"], facts["alpn"], facts["subject"]],
      [true, "TLSv1.3", "h2", "a.test"],
    );
    assert.deepEqual(
      [new Date(String(facts["notAfter"])), facts["refused"]],
      [new Date(leaf.validTo), false],
    );
  });
});

const UNVERIFIED: readonly [string, TlsOptions, RegExp][] = [
  ["another root's", INTERNAL.issue("a.test"), /UNABLE_TO_|SELF_SIGNED/],
  ["another name's", PUBLIC.issue("b.test"), /ERR_TLS_CERT_ALTNAME_INVALID/],
  ["an ended", PUBLIC.issue("a.test", new Date(Date.now() - 3_600_000)), /CERT_HAS_EXPIRED/],
];
for (const [title, options, why] of UNVERIFIED) {
  test(`${title} certificate is shown all the same, and is not verified`, async () => {
    await tls(options, async () => {
      const { outcome, answer, facts } = await observe();
      assert.equal(outcome, "answered");
      assert.match(answer, /^not verified: /);
      assert.match(String(facts["authorizationError"]), why);
      assert.deepEqual([facts["authorized"], facts["refused"]], [false, false]);
    });
  });
}

test("the servername is what the server is asked for; one that it refuses is an answer", async () => {
  const asked: string[] = [];
  const SNICallback: TlsOptions["SNICallback"] = (servername, done) => {
    asked.push(servername);
    done(servername === "a.test" ? null : new Error("unknown"));
  };
  await tls({ ...PUBLIC.issue("a.test"), SNICallback }, async () => {
    assert.equal((await observe()).facts["authorized"], true);
    const { outcome, answer, facts } = await observe("nobody.test");
    assert.deepEqual([outcome, facts["refused"]], ["answered", true]);
    assert.match(answer, /^refused: /);
  });
  assert.deepEqual(asked, ["a.test", "nobody.test"]);
});

const NO_TLS: readonly [string, (socket: Socket) => void][] = [
  ["plain text", (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ["an end", (socket) => socket.end()],
  ["a reset", (socket) => socket.resetAndDestroy()],
];
for (const [title, say] of NO_TLS) {
  test(`${title} instead of a handshake is a refusal`, async () => {
    await serving(
      createTcp((socket) => socket.once("data", () => say(socket))),
      async () => {
        const { outcome, facts } = await observe();
        assert.deepEqual([outcome, facts["refused"]], ["answered", true]);
      },
    );
  });
}

test("a closed port is a refusal; a server without a word is silent", async () => {
  assert.equal((await observe()).answer, "refused: ECONNREFUSED");
  await serving(createTcp(), async () => {
    const { outcome, answer } = await observe();
    assert.equal(outcome, "silent");
    assert.match(answer, /no answer within/);
  });
});

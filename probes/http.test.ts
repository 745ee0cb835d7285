import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createHttps, type ServerOptions } from "node:https";
import { createServer as createTcp, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { boundTcp } from "../fixtures/network-lab.ts";
import { INTERNAL, PUBLIC, SERVER_ADDRESS, serverLab } from "../fixtures/server-lab.ts";
import { observeHttp } from "./http.ts";
import type { HttpProbe } from "./probe.ts";

let owned: Awaited<ReturnType<typeof serverLab>>;
before(async () => {
  owned = await serverLab();
});
after(() => owned[Symbol.asyncDispose]());

const observe = (more: Partial<HttpProbe> = {}) =>
  observeHttp(owned.context, {
    kind: "http",
    id: "x",
    from: "client",
    address: SERVER_ADDRESS,
    port: 80,
    host: "a.test",
    path: "/p",
    ...more,
  });
const overTls: Partial<HttpProbe> = { port: 443, tls: { servername: "a.test", roots: "public" } };

async function serving(server: Server, port: number, work: () => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.listen({ fd: boundTcp(owned.lab, "server", SERVER_ADDRESS, port) });
  await once(server, "listening");
  await work().finally(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

const http = (listener: RequestListener, work: () => Promise<void>) =>
  serving(createHttp(listener), 80, work);
const https = (options: ServerOptions, work: () => Promise<void>) =>
  serving(
    createHttps(options, (_request, response) => response.end("over TLS")),
    443,
    work,
  );
const raw = (say: (socket: Socket) => void, work: () => Promise<void>) => serving(createTcp(say), 80, work);

/** A backend of the lab: who it is, and what it received. */
const backend: RequestListener = (request, response) => {
  response.setHeader("x-phx-guest", "801");
  response.end(
    JSON.stringify({
      address: SERVER_ADDRESS,
      port: 80,
      from: request.socket.remoteAddress,
      received: { headers: request.headers },
    }),
  );
};

test("a backend's answer says which guest, to whom, and that this very request arrived", async () => {
  await http(backend, async () => {
    const { outcome, answer, facts, request } = await observe();
    assert.equal(request, "GET http://a.test/p");
    assert.deepEqual([outcome, answer], ["answered", "200 from guest 801, canary returned"]);
    assert.deepEqual([facts["guest"], facts["peer"], facts["canaryReturned"]], ["801", "10.0.0.1", true]);
  });
});

test("an answer that was made for another request has not this one's canary", async () => {
  let first = "";
  const replaying: RequestListener = (request, response) => {
    first ||= JSON.stringify({ received: { headers: request.headers } });
    response.setHeader("x-phx-guest", "801");
    response.end(first);
  };
  await http(replaying, async () => {
    assert.equal((await observe()).facts["canaryReturned"], true);
    assert.equal((await observe()).facts["canaryReturned"], false);
  });
});

test("the Host header is the probe's; a redirect is told, not followed", async () => {
  let hosts: (string | undefined)[] = [];
  const redirecting: RequestListener = (request, response) => {
    hosts = [...hosts, request.headers.host];
    response.writeHead(301, { location: "https://a.test/p" }).end();
  };
  await http(redirecting, async () => {
    const { answer, facts } = await observe();
    assert.deepEqual(
      [answer, facts["status"], facts["location"]],
      ["301 to https://a.test/p", 301, "https://a.test/p"],
    );
  });
  assert.deepEqual(hosts, ["a.test"]);
});

for (const body of ["", "null", '"text"', "[1]", '{"received":null}', "<html>", "{".repeat(10_000)]) {
  test(`a body that is no identity (${body.slice(0, 20)}) has no canary, and throws nothing`, async () => {
    await http(
      (_request, response) => response.writeHead(200, { "x-phx-guest": "801" }).end(body),
      async () => {
        const { outcome, facts } = await observe();
        assert.deepEqual([outcome, facts["canaryReturned"]], ["answered", false]);
      },
    );
  });
}

const REFUSING: readonly [string, (socket: Socket) => void][] = [
  ["closes without a word", (socket) => socket.end()],
  ["speaks no HTTP", (socket) => socket.end("220 mail.test ESMTP\r\n")],
  ["ends half-way", (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")],
];
for (const [title, say] of REFUSING) {
  test(`a server that ${title} gave no response`, async () => {
    await raw(
      (socket) => socket.once("data", () => say(socket)),
      async () => {
        const { outcome, answer, facts } = await observe();
        assert.equal(outcome, "answered");
        assert.match(answer, /^no response: /);
        assert.equal(facts["refused"], true);
      },
    );
  });
}

test("a closed port is refused", async () => {
  const { outcome, answer } = await observe();
  assert.deepEqual([outcome, answer], ["answered", "no response: ECONNREFUSED"]);
});

test("a server that never answers, and one whose body never ends, are silent within the bound", async () => {
  await raw(
    () => {},
    async () => assert.equal((await observe()).outcome, "silent"),
  );
  const endless: RequestListener = (_request, response) => {
    const drip = setInterval(() => response.write("drip "), 20);
    response.on("close", () => clearInterval(drip));
  };
  await http(endless, async () => assert.equal((await observe()).outcome, "silent"));
});

test("a body without measure is cut off", async () => {
  const flooding: RequestListener = (_request, response) => response.end(Buffer.alloc(64 * 1024 * 1024));
  await http(flooding, async () =>
    assert.match((await observe()).answer, /^no response: UND_ERR_RES_EXCEEDED_MAX_SIZE/),
  );
});

test("over TLS it trusts the roots it was given, for the name it asks for", async () => {
  await https(PUBLIC.issue("a.test"), async () => {
    const { answer, request } = await observe(overTls);
    assert.deepEqual([answer, request], ["200", "GET https://a.test/p"]);
    const other = await observe({ ...overTls, host: "b.test" });
    assert.equal(other.request, "GET https://b.test/p, SNI a.test");
  });
});

const DISTRUSTED: readonly [string, ServerOptions, RegExp][] = [
  ["another root's certificate", INTERNAL.issue("a.test"), /UNABLE_TO_|SELF_SIGNED/],
  ["another name's certificate", PUBLIC.issue("b.test"), /ERR_TLS_CERT_ALTNAME_INVALID/],
  [
    "a certificate that has ended",
    PUBLIC.issue("a.test", new Date(Date.now() - 3_600_000)),
    /CERT_HAS_EXPIRED/,
  ],
  ["no certificate", {}, /ERR_SSL|ECONNRESET/],
];
for (const [title, options, expected] of DISTRUSTED) {
  test(`${title} is refused, by us, and says why`, async () => {
    await https(options, async () => {
      const { outcome, answer, facts } = await observe(overTls);
      assert.equal(outcome, "answered");
      assert.match(answer, expected);
      assert.equal(facts["refused"], true);
    });
  });
}

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { after, before, suite, test } from "node:test";
import { AUTHORITATIVE_ANSWER, decode, encode } from "dns-packet";
import { boundTcp } from "../fixtures/network-lab.ts";
import { boundUdp, SERVER_ADDRESS, serverLab } from "../fixtures/server-lab.ts";
import { BOUND } from "../lab/waits.ts";
import { observeQuestions } from "./dns.ts";
import { DnsReply } from "./dns-reply.ts";
import type { DnsQuestion } from "./probe.ts";

let owned: Awaited<ReturnType<typeof serverLab>>;
before(async () => {
  owned = await serverLab();
});
after(() => owned[Symbol.asyncDispose]());

/** So many questions for a name each. */
function questions(count: number, transport: "udp" | "tcp", more: Partial<DnsQuestion> = {}): DnsQuestion[] {
  return Array.from({ length: count }, (_, at) => ({
    id: `q${at}`,
    transport,
    name: `q${at}.test`,
    type: "A",
    ...more,
  }));
}

async function observe(asked: readonly DnsQuestion[]) {
  const probe = {
    kind: "questions",
    id: "x",
    from: "client",
    server: SERVER_ADDRESS,
    questions: asked,
  } as const;
  const { outcome, answer, facts } = await observeQuestions(owned.lab, probe);
  const lines = facts["replies"];
  assert.ok(Array.isArray(lines));
  return { outcome, answer, replies: lines.map((line) => DnsReply.parse(JSON.parse(line))) };
}

/** An authoritative answer with this address. */
function answerTo(question: Buffer, data = "10.0.0.153"): Buffer {
  const { id = 0, questions: asked = [] } = decode(question);
  const name = asked[0]?.name ?? "";
  const answers = [{ type: "A", name, ttl: 300, data }] as const;
  return encode({
    type: "response",
    id,
    flags: AUTHORITATIVE_ANSWER,
    questions: asked,
    answers: [...answers],
  });
}

type Udp = ReturnType<typeof boundUdp>;
type Answering = (question: Buffer, reply: (message: Buffer) => void, udp: Udp, port: number) => void;

/** Answers datagrams so while the work is done. */
async function udpServer<T>(answering: Answering, work: () => Promise<T>): Promise<T> {
  const udp = boundUdp(owned.lab, "server", SERVER_ADDRESS, 53);
  udp.on("message", (question, { address, port }) =>
    answering(question, (message) => udp.send(message, port, address), udp, port),
  );
  try {
    return await work();
  } finally {
    udp.close();
  }
}

async function tcpServer<T>(connected: (socket: Socket) => void, work: () => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    connected(socket);
  }).listen({ fd: boundTcp(owned.lab, "server", SERVER_ADDRESS, 53) });
  await once(server, "listening");
  try {
    return await work();
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** Whole messages of a stream, in their order. */
function onMessages(socket: Socket, take: (message: Buffer) => void): void {
  let received = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      take(received.subarray(2, end));
      received = received.subarray(end);
    }
  });
}

const framed = (message: Buffer) =>
  Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);
/** What the whole exchange may take: its own bound, and what a busy machine adds. */
const MOST_MS = BOUND.questionsMs + 4_000;

async function within<T>(work: () => Promise<T>): Promise<T> {
  const since = performance.now();
  const bytes = process.memoryUsage().rss;
  const done = await work();
  assert.ok(performance.now() - since < MOST_MS);
  assert.ok(process.memoryUsage().rss - bytes < 256 << 20);
  return done;
}

suite("many questions over UDP", () => {
  test("each has its own reply, equal ones are told once, with all that is in them", async () => {
    const { outcome, answer, replies } = await udpServer(
      (question, reply) => reply(answerTo(question)),
      () => observe(questions(300, "udp")),
    );
    assert.deepEqual([outcome, answer, replies.length], ["answered", "300 NOERROR", 300]);
    const [first] = replies;
    assert.deepEqual(
      [first?.asked, first?.flags, first?.echo, first?.answers, first?.surplusBytes],
      [["q0"], ["qr", "aa"], "exact", ["q0.test 300 A 10.0.0.153"], 23],
    );
    assert.deepEqual(
      replies.map(({ asked }) => asked[0]),
      questions(300, "udp").map(({ id }) => id),
    );
  });

  test("questions that got no answer are asked again; what never has one is silent, the others answered", async () => {
    const times = new Map<string, number>();
    const { replies } = await udpServer(
      (question, reply) => {
        const name = decode(question).questions?.[0]?.name ?? "";
        times.set(name, (times.get(name) ?? 0) + 1);
        if (name !== "q7.test" && (name !== "q3.test" || times.get(name) === 3)) reply(answerTo(question));
      },
      () => observe(questions(20, "udp")),
    );
    const outcomes = new Map(
      replies.flatMap(({ asked, outcome }) => asked.map((id) => [id, outcome] as const)),
    );
    assert.deepEqual(
      [outcomes.get("q3"), outcomes.get("q7"), outcomes.get("q0")],
      ["answered", "silent", "answered"],
    );
    assert.deepEqual([times.get("q7.test"), times.get("q0.test")], [3, 1]);
  });

  test("a dead server is silent to a thousand, within the bound", async () => {
    const { outcome, answer } = await within(() =>
      udpServer(
        () => {},
        () => observe(questions(1_000, "udp")),
      ),
    );
    assert.deepEqual([outcome, answer], ["silent", "1000 silent"]);
  });

  test("a server that says one answer in a while ends at the bound: the rest is silent", async () => {
    const held: (() => void)[] = [];
    const drip = setInterval(() => held.shift()?.(), BOUND.datagramMs / 2);
    const { replies } = await within(() =>
      udpServer(
        (question, reply) => held.push(() => reply(answerTo(question))),
        () => observe(questions(300, "udp")),
      ),
    );
    clearInterval(drip);
    assert.deepEqual([...new Set(replies.map(({ outcome }) => outcome))].sort(), ["answered", "silent"]);
  });

  test("garbage, other ids, and what comes from another port count for nothing", async () => {
    const other = boundUdp(owned.lab, "server", SERVER_ADDRESS, 5353);
    const { replies } = await udpServer(
      (question, reply, _, port) => {
        reply(Buffer.alloc(5, 0xff));
        const foreign = answerTo(question);
        foreign.writeUInt16BE((foreign.readUInt16BE(0) + 77) & 0xffff, 0);
        reply(foreign);
        other.send(answerTo(question, "10.0.0.66"), port, "10.0.0.1", () => reply(answerTo(question)));
      },
      () => observe(questions(1, "udp")),
    ).finally(() => other.close());
    assert.deepEqual(
      replies.map(({ answers }) => answers),
      [["q0.test 300 A 10.0.0.153"]],
    );
  });

  test("a reply that can't be decoded is unknown, and one of 64 KiB to each of 500 takes no memory", async () => {
    const { replies } = await within(() =>
      udpServer(
        (question, reply) =>
          reply(Buffer.concat([answerTo(question).subarray(0, 30), Buffer.alloc(60_000, 0xc0)])),
        () => observe(questions(500, "udp")),
      ),
    );
    assert.deepEqual([...new Set(replies.map(({ outcome }) => outcome))].sort(), ["silent", "unknown"]);
    assert.ok(replies.some(({ reason }) => reason === "more was said than is read"));
  });

  test("the source port is the one that was asked for", async () => {
    const ports = new Set<number>();
    await udpServer(
      (question, reply, _, port) => {
        ports.add(port);
        reply(answerTo(question));
      },
      () => observe(questions(3, "udp", { sport: 53 })),
    );
    assert.deepEqual([...ports], [53]);
  });

  test("letters come back as they were sent, or the echo says that they did not", async () => {
    const asked = questions(1, "udp", { name: "MiXeD.test" });
    const lower = (question: Buffer) => {
      const answer = answerTo(question);
      return Buffer.concat([answer.subarray(0, 13), Buffer.from("mixed"), answer.subarray(18)]);
    };
    const echoes = [];
    for (const answering of [(question: Buffer) => answerTo(question), lower]) {
      const { replies } = await udpServer(
        (question, reply) => reply(answering(question)),
        () => observe(asked),
      );
      echoes.push(replies[0]?.echo);
    }
    assert.deepEqual(echoes, ["exact", "case"]);
  });
});

suite("many questions over TCP", () => {
  test("are asked one behind the other, and their answers taken in any order", async () => {
    const connections = new Set<Socket>();
    const { answer } = await tcpServer(
      (socket) => {
        connections.add(socket);
        const held: Buffer[] = [];
        onMessages(socket, (message) => {
          held.push(framed(answerTo(message)));
          if (held.length === 20) socket.write(Buffer.concat(held.reverse()));
        });
      },
      () => observe(questions(20, "tcp")),
    );
    assert.deepEqual([answer, connections.size], ["20 NOERROR", 1]);
  });

  test("a server that answers one and closes is asked for the rest anew", async () => {
    const { answer } = await tcpServer(
      (socket) => {
        let isDone = false;
        onMessages(socket, (message) => {
          if (!isDone) socket.end(framed(answerTo(message)));
          isDone = true;
        });
      },
      () => observe(questions(12, "tcp")),
    );
    assert.equal(answer, "12 NOERROR");
  });

  const hostile: readonly [string, (socket: Socket) => void][] = [
    ["accepts and says nothing", () => {}],
    ["closes at once", (socket) => void socket.end()],
    ["resets", (socket) => void socket.resetAndDestroy()],
    [
      "says a byte in a while",
      (socket) => {
        const timer = setInterval(() => socket.write(Buffer.from([1])), BOUND.connectMs / 8);
        socket.on("close", () => clearInterval(timer));
      },
    ],
    [
      "says without end what nobody asked",
      (socket) => {
        const more = () => {
          while (!socket.destroyed && socket.write(framed(Buffer.alloc(65_535, 0x55))));
        };
        socket.on("drain", more);
        more();
      },
    ],
  ];
  for (const [title, connected] of hostile) {
    test(`a server that ${title} is silent, within the bound`, async () => {
      const { outcome, replies } = await within(() =>
        tcpServer(connected, () => observe(questions(100, "tcp"))),
      );
      assert.equal(outcome, "silent");
      for (const { reason } of replies) assert.ok(reason);
    });
  }
});

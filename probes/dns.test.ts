import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { after, before, suite, test } from "node:test";
import * as dnsPacket from "dns-packet";
import { boundTcp } from "../fixtures/network-lab.ts";
import { boundUdp, SERVER_ADDRESS, serverLab } from "../fixtures/server-lab.ts";
import { observeDns } from "./dns.ts";

let owned: Awaited<ReturnType<typeof serverLab>>;
before(async () => {
  owned = await serverLab();
});
after(() => owned[Symbol.asyncDispose]());

const observe = (transport: "udp" | "tcp", type = "A") =>
  observeDns(owned.lab, {
    kind: "dns",
    id: "x",
    from: "client",
    server: SERVER_ADDRESS,
    transport,
    name: "a.test",
    type,
  });

/** The answer to a question: these records, this rcode. */
function answerTo(question: Buffer, answers: dnsPacket.Answer[], rcode = 0): Buffer {
  const { id = 0, questions = [] } = dnsPacket.decode(question);
  const flags = dnsPacket.AUTHORITATIVE_ANSWER | rcode;
  return dnsPacket.encode({ type: "response", id, flags, questions, answers });
}

const A = { type: "A", name: "a.test", ttl: 300, data: "10.0.0.153" } as const;

suite("over UDP", () => {
  /** Answers each question with these datagrams. */
  async function serving(replies: (question: Buffer) => Buffer[], work: () => Promise<void>): Promise<void> {
    const udp = boundUdp(owned.lab, "server", SERVER_ADDRESS, 53);
    udp.on("message", (question, peer) => {
      for (const reply of replies(question)) udp.send(reply, peer.port, peer.address);
    });
    await work().finally(() => udp.close());
  }

  test("an answer is facts: rcode, authority and each record", async () => {
    await serving(
      (question) => [answerTo(question, [A])],
      async () => {
        const { outcome, answer, facts, request } = await observe("udp");
        assert.equal(request, "A a.test over udp");
        assert.deepEqual([outcome, answer], ["answered", "NOERROR: a.test A 10.0.0.153"]);
        assert.deepEqual(facts, {
          rcode: "NOERROR",
          authoritative: true,
          recursionAvailable: false,
          answers: ["a.test A 10.0.0.153"],
          authority: [],
          additional: [],
        });
      },
    );
  });

  test("NXDOMAIN and REFUSED are answers without a record", async () => {
    for (const [rcode, word] of [
      [3, "NXDOMAIN"],
      [5, "REFUSED"],
    ] as const) {
      await serving(
        (question) => [answerTo(question, [], rcode)],
        async () => {
          const { outcome, answer, facts } = await observe("udp");
          assert.deepEqual(
            [outcome, answer, facts["rcode"]],
            ["answered", `${word}, no answer record`, word],
          );
        },
      );
    }
  });

  test("records of other kinds are words too", async () => {
    const answers: dnsPacket.Answer[] = [
      { type: "TXT", name: "a.test", data: ["one", "two"] },
      {
        type: "SOA",
        name: "a.test",
        data: { mname: "ns.test", rname: "h.test", serial: 7, refresh: 1, retry: 2, expire: 3, minimum: 4 },
      },
      { type: "PTR", name: "a.test", data: "b.test" },
    ];
    await serving(
      (question) => [answerTo(question, answers)],
      async () => {
        const { facts } = await observe("udp", "ANY");
        assert.deepEqual(facts["answers"], [
          "a.test TXT one two",
          "a.test SOA ns.test h.test 7 1 2 3 4",
          "a.test PTR b.test",
        ]);
      },
    );
  });

  const spoiled: readonly [string, (question: Buffer) => Buffer[]][] = [
    [
      "another id",
      (question) => [
        Buffer.concat([Buffer.from([(question[0] ?? 0) ^ 1]), answerTo(question, [A]).subarray(1)]),
      ],
    ],
    ["nothing at all", () => [Buffer.alloc(0)]],
    ["one byte", () => [Buffer.from([7])]],
  ];
  for (const [title, replies] of spoiled) {
    test(`${title} in front of the answer is passed over`, async () => {
      await serving(
        (question) => [...replies(question), answerTo(question, [A])],
        async () => {
          assert.equal((await observe("udp")).answer, "NOERROR: a.test A 10.0.0.153");
        },
      );
    });
  }

  test("an answer that can't be decoded is unknown, with its reason", async () => {
    await serving(
      (question) => [Buffer.concat([answerTo(question, [A]).subarray(0, 30), Buffer.from([0xc0, 0xff])])],
      async () => {
        const { outcome, reason } = await observe("udp");
        assert.equal(outcome, "unknown");
        assert.ok(reason);
      },
    );
  });

  test("the first datagram lost is asked again; none ever answered is silent", async () => {
    let asked = 0;
    await serving(
      (question) => (asked++ === 0 ? [] : [answerTo(question, [A])]),
      async () => {
        assert.equal((await observe("udp")).outcome, "answered");
      },
    );
    await serving(
      () => [],
      async () => {
        const { outcome, answer } = await observe("udp");
        assert.equal(outcome, "silent");
        assert.match(answer, /no answer within/);
      },
    );
  });
});

suite("over TCP", () => {
  async function serving(
    reply: (socket: Socket, question: Buffer) => void,
    work: () => Promise<void>,
  ): Promise<void> {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (question: Buffer) => reply(socket, question.subarray(2)));
    }).listen({ fd: boundTcp(owned.lab, "server", SERVER_ADDRESS, 53) });
    await once(server, "listening");
    await work().finally(() => server.close());
  }
  const framed = (message: Buffer) =>
    Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);

  test("an answer is whole also when it comes byte by byte", async () => {
    const slowly = (socket: Socket, question: Buffer) => {
      socket.setNoDelay(true);
      for (const byte of framed(answerTo(question, [A]))) socket.write(Buffer.from([byte]));
    };
    await serving(slowly, async () =>
      assert.equal((await observe("tcp")).answer, "NOERROR: a.test A 10.0.0.153"),
    );
  });

  test("a connection that ends half-way is no answer, nor is one without a word", async () => {
    await serving(
      (socket, question) => socket.end(framed(answerTo(question, [A])).subarray(0, 20)),
      async () => {
        const { outcome, answer } = await observe("tcp");
        assert.equal(outcome, "silent");
        assert.match(answer, /closed without a whole reply/);
      },
    );
    await serving(
      () => {},
      async () => assert.equal((await observe("tcp")).outcome, "silent"),
    );
  });

  test("an answer to another question's id is not taken for this one's", async () => {
    const other = (socket: Socket, question: Buffer) => {
      const answer = answerTo(question, [A]);
      answer.writeUInt8((answer[0] ?? 0) ^ 1, 0);
      socket.end(framed(answer));
    };
    await serving(other, async () => assert.notEqual((await observe("tcp")).outcome, "answered"));
  });

  test("refused is silent, and says so", async () => {
    const { outcome, answer } = await observe("tcp");
    assert.equal(outcome, "silent");
    assert.match(answer, /ECONNREFUSED/);
  });
});

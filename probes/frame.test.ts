import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeFrame, encodePacket, protocolOf, type Sight, sightOf } from "./frame.ts";

const FLOW = { source: "10.0.0.50", dest: "10.0.0.141", sport: 23_456 } as const;
const sight = sightOf(FLOW);
const TOKEN = 0xdeadbeef;
const KEYS = [
  "tcp/443",
  "udp/53",
  "icmp/8",
  "icmp/0",
  "icmp/3",
  "icmp/11",
  "ip/47",
  "ip/2",
  "ip/6",
  "ip/17",
  "ip/1",
] as const;

const packetOf = (key: string, more: object = {}) => encodePacket({ ...FLOW, key, token: TOKEN, ...more });

/** RFC 1071: over a correct header or segment, its own checksum included, the sum is all ones. */
function sums(bytes: Buffer, pseudo = 0): boolean {
  let sum = pseudo;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum === 0xffff;
}

for (const key of KEYS) {
  test(`${key}: encoded, it is a packet that is seen again, alone and in a frame`, () => {
    const packet = packetOf(key);
    assert.equal(packet.readUInt16BE(2), packet.length);
    assert.equal(packet[9], protocolOf(key));
    assert.ok(sums(packet.subarray(0, 20)));
    assert.deepEqual(sight.packet(packet), { token: TOKEN, kind: "probe" });
    const frame = encodeFrame(packet, "02:00:00:00:00:01", "02:00:00:00:00:02");
    assert.equal(frame.toString("hex", 0, 14), "0200000000020200000000010800");
    assert.deepEqual(sight.frame(frame), { token: TOKEN, kind: "probe" });
  });
}

test("checksums of TCP, UDP and ICMP hold whatever the token, ports and addresses are", () => {
  const address = fc.ipV4();
  const port = fc.integer({ min: 0, max: 65_535 });
  const token = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(
      fc.constantFrom("tcp", "udp", "icmp"),
      address,
      address,
      port,
      port,
      token,
      (proto, source, dest, sport, number, each) => {
        const packet = encodePacket({
          key: `${proto}/${proto === "icmp" ? number % 256 : number}`,
          source,
          dest,
          sport,
          token: each,
        });
        const body = packet.subarray(20);
        const pseudo = proto === "icmp" ? 0 : (packet[9] ?? 0) + body.length;
        const addresses = proto === "icmp" ? Buffer.alloc(0) : packet.subarray(12, 20);
        assert.ok(sums(packet.subarray(0, 20)));
        assert.ok(sums(Buffer.concat([addresses, body]), pseudo));
        if (proto === "udp") assert.notEqual(body.readUInt16BE(6), 0, "0 would mean: no checksum (RFC 768)");
      },
    ),
  );
});

const back = { source: FLOW.dest, dest: FLOW.source };

/** What the destination's stack answers to the SYN: RST, ACK of the token and one more. */
function reset(flags = 0x14, acknowledged = TOKEN + 1, dport: number = FLOW.sport): Buffer {
  const packet = encodePacket({ ...FLOW, ...back, key: `tcp/${dport}`, sport: 443, token: 0 });
  packet.writeUInt32BE(acknowledged >>> 0, 28);
  packet.writeUInt8(flags, 33);
  return packet;
}

/** An ICMP error of that type from `source`, quoting a packet. */
function unreachable(quoted: Buffer, type = 3, source: string = FLOW.dest): Buffer {
  const outer = encodePacket({ ...FLOW, source, dest: FLOW.source, key: `icmp/${type}`, token: 0 });
  const packet = Buffer.concat([outer.subarray(0, 28), quoted]);
  packet.writeUInt16BE(packet.length, 2);
  return packet;
}

test("an RST that answers the SYN is a refusal, also of the largest token", () => {
  assert.deepEqual(sight.packet(reset()), { token: TOKEN, kind: "refusal" });
  assert.deepEqual(sight.packet(reset(0x14, 0)), { token: 0xffffffff, kind: "refusal" });
});

test("an ICMP error that quotes a probe is a refusal, whole or cut to 8 bytes of it, from whomever", () => {
  for (const key of ["udp/53", "tcp/443", "ip/47", "icmp/8"]) {
    assert.deepEqual(sight.packet(unreachable(packetOf(key))), { token: TOKEN, kind: "refusal" }, key);
    assert.deepEqual(sight.packet(unreachable(packetOf(key), 3, "10.0.0.13")), {
      token: TOKEN,
      kind: "refusal",
    });
  }
  assert.deepEqual(sight.packet(unreachable(packetOf("tcp/443").subarray(0, 28))), {
    token: TOKEN,
    kind: "refusal",
  });
});

const OTHERS: readonly [string, Buffer][] = [
  ["a SYN of another source port", packetOf("tcp/443", { sport: 23_457 })],
  ["a SYN of another sender", packetOf("tcp/443", { source: "10.0.0.51" })],
  ["a SYN to another address", packetOf("tcp/443", { dest: "10.0.0.142" })],
  ["a datagram of another source port", packetOf("udp/53", { sport: 53 })],
  ["an echo reply of the destination", packetOf("icmp/0", back)],
  ["a SYN of the destination", packetOf("tcp/443", back)],
  ["a SYN and ACK of the destination", reset(0x12)],
  ["an RST to another port", reset(0x14, TOKEN + 1, 4711)],
  ["an error that quotes another sender's packet", unreachable(packetOf("udp/53", { source: "10.0.0.51" }))],
  ["an error that quotes an error", unreachable(unreachable(packetOf("udp/53")))],
  ["a time-exceeded", unreachable(packetOf("udp/53"), 11)],
  ["a datagram without the magic", Buffer.concat([packetOf("udp/53").subarray(0, 28), Buffer.alloc(8)])],
];

for (const [title, packet] of OTHERS)
  test(`${title} is no sighting`, () => assert.equal(sight.packet(packet), undefined));

test("a SYN with ACK, a later fragment, IPv6 and another Ethernet type are no sighting", () => {
  const change = (key: string, at: number, value: number) => {
    const packet = packetOf(key);
    packet.writeUInt8(value, at);
    return packet;
  };
  assert.equal(sight.packet(change("tcp/443", 33, 0x12)), undefined);
  assert.equal(sight.packet(change("udp/53", 7, 1)), undefined);
  assert.equal(sight.packet(change("udp/53", 0, 0x65)), undefined);
  assert.equal(sight.packet(change("udp/53", 0, 0x44)), undefined, "a header of 16 bytes");
  const frame = encodeFrame(packetOf("udp/53"), "02:00:00:00:00:01", "02:00:00:00:00:02");
  frame.writeUInt16BE(0x86dd, 12);
  assert.equal(sight.frame(frame), undefined);
});

test("IP options before the probe do not hide it", () => {
  const packet = packetOf("udp/53");
  const withOptions = Buffer.concat([packet.subarray(0, 20), Buffer.from([1, 1, 1, 0]), packet.subarray(20)]);
  withOptions.writeUInt8(0x46, 0);
  withOptions.writeUInt16BE(withOptions.length, 2);
  assert.deepEqual(sight.packet(withOptions), { token: TOKEN, kind: "probe" });
});

/** A look never throws, and what it says it read: a token is in the bytes. */
function isHarmless(look: Sight["packet"], bytes: Buffer): void {
  const seen = look(bytes);
  if (seen) assert.ok(Number.isInteger(seen.token) && seen.token >= 0 && seen.token <= 0xffffffff);
}

test("bytes of anybody's making never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      isHarmless(sight.packet, Buffer.from(bytes));
      isHarmless(sight.frame, Buffer.from(bytes));
    }),
    { numRuns: 2_000 },
  );
});

test("a packet that is cut or spoiled anywhere never throws", () => {
  const whole = fc.constantFrom(
    ...KEYS.map((key) => packetOf(key)),
    reset(),
    unreachable(packetOf("tcp/443")),
    unreachable(unreachable(packetOf("udp/53"))),
  );
  fc.assert(
    fc.property(whole, fc.nat(90), fc.nat(90), fc.integer({ min: 0, max: 255 }), (packet, cut, at, value) => {
      const spoiled = Buffer.from(packet);
      if (at < spoiled.length) spoiled[at] = value;
      for (const bytes of [spoiled, spoiled.subarray(0, cut)]) {
        isHarmless(sight.packet, bytes);
        isHarmless(sight.frame, Buffer.concat([Buffer.from("0200000000020200000000010800", "hex"), bytes]));
      }
    }),
    { numRuns: 5_000 },
  );
});

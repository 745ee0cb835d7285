import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { crc32c } from "./crc32c.ts";
import { encodeFrame, encodePacket, ethernetHeader, protocolOf } from "./frame.ts";
import { type Sight, sightOf } from "./sight.ts";

const FLOW = { source: "10.0.0.50", dest: "10.0.0.141", sport: 23_456 } as const;
const sight = sightOf(FLOW);
const TOKEN = 0xdeadbeef;
const KEYS = [
  "tcp/443",
  "udp/53",
  "sctp/2905",
  "dccp/5004",
  "udplite/5004",
  "icmp/8",
  "icmp/0",
  "icmp/3",
  "icmp/11",
  "ip/47",
  "ip/2",
  "ip/6",
  "ip/17",
  "ip/1",
  "ip/132",
  "ip/33",
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

test("a packet that is made longer is seen as it was; SCTP and DCCP stay as they are", () => {
  for (const key of KEYS)
    for (const padding of [4, 40]) {
      const packet = packetOf(key, { padding });
      const more = /^(sctp|dccp)/.test(key) ? 0 : padding;
      assert.equal(packet.length, packetOf(key).length + more, key);
      assert.equal(packet.readUInt16BE(2), packet.length);
      assert.deepEqual(sight.packet(packet), { token: TOKEN, kind: "probe" });
      const [head, body] = [packet.subarray(0, 20), packet.subarray(20)];
      if (/^(tcp|udp)\//.test(key))
        assert.ok(sums(Buffer.concat([head.subarray(12), body]), (packet[9] ?? 0) + body.length), key);
      if (key.startsWith("tcp/"))
        assert.equal((body.readUInt8(12) >> 4) * 4, body.length, "all of it is header");
    }
});

test("checksums of TCP, UDP, UDP-Lite, DCCP and ICMP hold whatever the token, ports and addresses are", () => {
  const address = fc.ipV4();
  const port = fc.integer({ min: 0, max: 65_535 });
  const token = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(
      fc.constantFrom("tcp", "udp", "udplite", "dccp", "icmp"),
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
        if (proto === "udp" || proto === "udplite")
          assert.notEqual(body.readUInt16BE(6), 0, "0 would mean: no checksum (RFC 768)");
      },
    ),
  );
});

/** What stands behind the IP header of a first packet to port 80, token and checksum as they come. */
const HEADERS: readonly [string, string][] = [
  // Ports, verification tag 0, CRC32c; INIT, no flags, 20 bytes; tag, window, one stream each way, first TSN.
  ["sctp/80", "5ba00050 00000000 ........ 01000014 70687821 00010000 00010001 deadbeef"],
  // Ports, 5 words, no CCVal, all is summed; Request with a long sequence number, reserved, its 48 bits; service code.
  ["dccp/80", "5ba00050 0500.... 01000000 deadbeef 70687821"],
  // Ports, all is summed; mark and token.
  ["udplite/80", "5ba00050 0000.... 70687821 deadbeef"],
];
for (const [key, header] of HEADERS)
  test(`${key}: a header as its RFC has it, over either family`, () => {
    const pattern = new RegExp(`^${header.replaceAll(" ", "")}$`);
    assert.match(packetOf(key).toString("hex", 20), pattern);
    const six = { source: "2001:db8::50", dest: "2001:db8::141" };
    assert.match(packetOf(key, six).toString("hex", 40), pattern);
  });

test("SCTP's checksum is the CRC32c of its packet with zeros in its place, least significant byte first", () => {
  const packet = packetOf("sctp/2905").subarray(20);
  const zeroed = Buffer.from(packet);
  zeroed.writeUInt32LE(0, 8);
  assert.equal(packet.readUInt32LE(8), crc32c(zeroed));
});

const back = { source: FLOW.dest, dest: FLOW.source };

/** What the destination's stack answers to the SYN: RST, ACK of the token and one more. */
function reset(flags = 0x14, acknowledged = TOKEN + 1, dport: number = FLOW.sport): Buffer {
  const packet = encodePacket({ ...FLOW, ...back, key: `tcp/${dport}`, sport: 443, token: 0 });
  packet.writeUInt32BE(acknowledged >>> 0, 28);
  packet.writeUInt8(flags, 33);
  return packet;
}

const RESET = { kind: "refusal", answer: "RST", by: FLOW.dest };
const unreached = (by: string) => ({ token: TOKEN, kind: "refusal", answer: "ICMP 3/0", by });

/** An ICMP error of that type from `source`, quoting a packet. */
function unreachable(quoted: Buffer, type = 3, source: string = FLOW.dest): Buffer {
  const outer = encodePacket({ ...FLOW, source, dest: FLOW.source, key: `icmp/${type}`, token: 0 });
  const packet = Buffer.concat([outer.subarray(0, 28), quoted]);
  packet.writeUInt16BE(packet.length, 2);
  return packet;
}

test("an RST that answers the SYN is a refusal, also of the largest token", () => {
  assert.deepEqual(sight.packet(reset()), { token: TOKEN, ...RESET });
  assert.deepEqual(sight.packet(reset(0x14, 0)), { token: 0xffffffff, ...RESET });
});

test("an ICMP error that quotes a probe is a refusal, whole or cut to 8 bytes of it, from whomever", () => {
  for (const key of ["udp/53", "tcp/443", "sctp/2905", "dccp/5004", "udplite/5004", "ip/47", "icmp/8"]) {
    assert.deepEqual(sight.packet(unreachable(packetOf(key))), unreached(FLOW.dest), key);
    assert.deepEqual(sight.packet(unreachable(packetOf(key), 3, "10.0.0.13")), unreached("10.0.0.13"));
  }
  assert.deepEqual(sight.packet(unreachable(packetOf("tcp/443").subarray(0, 28))), unreached(FLOW.dest));
});

test("a plain look says the same as the careful one, where it says anything", () => {
  for (const packet of [...KEYS.map((key) => packetOf(key)), reset(), ...OTHERS.map(([, each]) => each)]) {
    const room = Buffer.concat([Buffer.alloc(14), packet]);
    const careful = sight.packet(packet);
    const probe = sight.plainProbe(room, 14, room.length);
    const refused = sight.plainReset(room, 14, room.length);
    if (probe >= 0) assert.deepEqual(careful, { token: probe, kind: "probe" });
    if (refused >= 0) assert.deepEqual(careful, { token: refused, ...RESET });
    assert.ok(probe < 0 || refused < 0);
  }
  assert.equal(sight.plainProbe(packetOf("tcp/443"), 0, 40), TOKEN);
  assert.equal(sight.plainProbe(packetOf("udp/53"), 0, 36), TOKEN);
  assert.equal(sight.plainReset(reset(), 0, 40), TOKEN);
});

test("an RST is known by what it answers, whatever the probe's flags are", () => {
  for (const [flags, answer] of [
    [0x01, { acknowledged: TOKEN + 1 }],
    [0x03, { acknowledged: TOKEN + 2 }],
    [0x00, { acknowledged: TOKEN }],
    [0x10, { sequence: TOKEN }],
    [0x11, { sequence: TOKEN }],
  ] as const) {
    const packet = reset(0x14, "acknowledged" in answer ? answer.acknowledged : 0);
    if ("sequence" in answer) packet.writeUInt32BE(answer.sequence, 24);
    const look = sightOf({ ...FLOW, flags });
    assert.deepEqual(look.packet(packet), { token: TOKEN, ...RESET }, String(flags));
    assert.equal(look.plainReset(packet, 0, 40), TOKEN);
    assert.deepEqual(look.packet(packetOf("tcp/443", { flags })), { token: TOKEN, kind: "probe" });
  }
});

suite("IPv6", () => {
  const FLOW6 = { source: "2001:db8::50", dest: "2001:db8::141", sport: 23_456 } as const;
  const sight6 = sightOf(FLOW6);
  const packet6 = (key: string, more: object = {}) => encodePacket({ ...FLOW6, key, token: TOKEN, ...more });

  test("a probe is seen again, alone, in a frame and without its header, and its checksum holds", () => {
    for (const key of ["tcp/443", "udp/53", "udplite/53", "dccp/53", "sctp/53", "icmp/128", "ip/47"]) {
      const packet = packet6(key);
      const body = packet.subarray(40);
      const protocol = protocolOf(key, 6);
      assert.equal(packet[6], protocol);
      assert.equal(packet.readUInt16BE(4), body.length);
      if (key !== "ip/47" && key !== "sctp/53")
        assert.ok(sums(Buffer.concat([packet.subarray(8, 40), body]), protocol + body.length));
      const seen = { token: TOKEN, kind: "probe" };
      assert.deepEqual(sight6.packet(packet), seen);
      assert.deepEqual(sight6.body(protocol, body), seen);
      const head = ethernetHeader(FLOW6.dest, "02:00:00:00:00:01", "02:00:00:00:00:02");
      assert.deepEqual(sight6.frame(Buffer.concat([head, packet])), seen);
      assert.equal(sight.frame(Buffer.concat([head, packet])), undefined);
    }
  });

  test("ICMPv6 errors that quote a probe refuse it, and nobody else's", () => {
    const outer = encodePacket({ ...FLOW6, source: FLOW6.dest, dest: FLOW6.source, key: "icmp/1", token: 0 });
    const error = (quoted: Buffer) => {
      const packet = Buffer.concat([outer.subarray(0, 48), quoted]);
      packet.writeUInt16BE(packet.length - 40, 4);
      packet.writeUInt8(4, 41);
      return packet;
    };
    const refused = { token: TOKEN, kind: "refusal", answer: "ICMPv6 1/4", by: "2001:db8::141" };
    assert.deepEqual(sight6.packet(error(packet6("udp/53"))), refused);
    assert.equal(sight6.packet(error(packet6("udp/53", { source: "2001:db8::51" }))), undefined);
  });
});

const OTHERS: readonly [string, Buffer][] = [
  ["a SYN of another source port", packetOf("tcp/443", { sport: 23_457 })],
  ["a SYN of another sender", packetOf("tcp/443", { source: "10.0.0.51" })],
  ["a SYN to another address", packetOf("tcp/443", { dest: "10.0.0.142" })],
  ["a datagram of another source port", packetOf("udp/53", { sport: 53 })],
  ["an INIT of another source port", packetOf("sctp/2905", { sport: 53 })],
  ["a DCCP request of another source port", packetOf("dccp/5004", { sport: 53 })],
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

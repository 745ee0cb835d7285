import assert from "node:assert/strict";
import { test } from "node:test";
import { encodePacket } from "./frame.ts";
import { readSerial } from "./serial.ts";

const ENDS = { source: "10.0.0.1", dest: "10.0.0.2", sport: 40_000, token: 0xfffffff0 } as const;

/** An IPv4 packet of that protocol with this body; its checksums are nobody's concern here. */
function packetOf(protocol: number, body: Buffer): Buffer {
  const header = encodePacket({ ...ENDS, key: "ip/47" }).subarray(0, 20);
  header.writeUInt8(protocol, 9);
  header.writeUInt16BE(20 + body.length, 2);
  return Buffer.concat([header, body]);
}

function reset(ack: number, flags: number): Buffer {
  const segment = Buffer.alloc(20);
  segment.writeUInt32BE(ack, 8);
  segment.writeUInt8(flags, 13);
  return packetOf(6, segment);
}

const unreachable = (code: number, quoted: Buffer) =>
  packetOf(1, Buffer.concat([Buffer.from([3, code, 0, 0, 0, 0, 0, 0]), quoted]));

test("a probe of every protocol is known by its token", () => {
  for (const key of ["tcp/80", "udp/53", "sctp/80", "dccp/80", "udplite/80", "icmp/8", "icmp/3", "ip/47"])
    assert.deepEqual(readSerial(encodePacket({ ...ENDS, key })), { token: ENDS.token, kind: "probe" });
});

test("an RST refuses the SYN that it acknowledges, an ICMP error the packet that it quotes", () => {
  const refusal = (reject: string | undefined) => ({ token: ENDS.token, kind: "refusal", reject });
  assert.deepEqual(readSerial(reset(ENDS.token + 1, 0x14)), refusal("tcp-reset"));
  for (const key of ["tcp/80", "udp/53", "ip/47"]) {
    const quoted = encodePacket({ ...ENDS, key }).subarray(0, 36);
    assert.deepEqual(readSerial(unreachable(3, quoted)), refusal("icmp-port-unreachable"));
    assert.deepEqual(readSerial(unreachable(10, quoted)), refusal("icmp-host-prohibited"));
    assert.deepEqual(readSerial(unreachable(1, quoted)), refusal(undefined));
  }
});

test("other traffic carries no token", () => {
  const SYN_ACK = 0x12;
  const foreign = packetOf(17, Buffer.alloc(20));
  assert.equal(readSerial(reset(5, SYN_ACK)), undefined);
  assert.equal(readSerial(foreign), undefined);
  assert.equal(readSerial(unreachable(3, foreign)), undefined);
  assert.equal(readSerial(packetOf(1, Buffer.from([0, 0, 0, 0]))), undefined);
  for (const length of [0, 5, 20, 23])
    readSerial(encodePacket({ ...ENDS, key: "tcp/80" }).subarray(0, length));
});

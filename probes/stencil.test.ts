import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SendBatch } from "../lab/batch.ts";
import { PROTOS } from "./flows.ts";
import { encodePacket } from "./frame.ts";
import { Stencil } from "./stencil.ts";

const SLOTS = 2;
const number = fc.integer({ min: 0, max: 0xffff });
const write = fc.record({
  slot: fc.integer({ min: 0, max: SLOTS - 1 }),
  proto: fc.constantFrom(...PROTOS),
  number,
  token: fc.integer({ min: 0, max: 0xffffffff }),
  padding: fc.constantFrom(0, 0, 4, 40),
});

test("what a stencil writes into a slot, whatever stood there, is the packet that is encoded whole", () => {
  const ends = fc.record({
    addresses: fc.oneof(
      fc.record({ source: fc.ipV4(), dest: fc.ipV4() }),
      fc.record({ source: fc.ipV6(), dest: fc.ipV6() }),
    ),
    sport: number,
    flags: fc.integer({ min: 0, max: 0x3f }),
    head: fc.constantFrom(Buffer.alloc(0), Buffer.alloc(14, 7)),
    writes: fc.array(write, { minLength: 1, maxLength: 6 }),
  });
  const batch = new SendBatch(SLOTS, 128);
  fc.assert(
    fc.property(ends, ({ addresses, sport, flags, head, writes }) => {
      const way = { ...addresses, sport, flags };
      const stencil = new Stencil(batch, SLOTS, way, head);
      for (const { slot, proto, number: wide, token, padding } of writes) {
        const each = proto === "icmp" || proto === "ip" ? wide & 0xff : wide;
        const bytes = stencil.write(slot, PROTOS.indexOf(proto), each, token, padding);
        const packet = encodePacket({ ...way, key: `${proto}/${each}`, token, padding });
        const whole = Buffer.concat([head, packet]);
        assert.equal(bytes, packet.length);
        const written = batch.bytes.subarray(slot * 128, slot * 128 + whole.length);
        assert.equal(written.toString("hex"), whole.toString("hex"), `${proto}/${each}`);
        assert.equal(batch.vectors.readUInt32LE(slot * 16 + 8), whole.length);
      }
    }),
    { numRuns: 2_000 },
  );
});

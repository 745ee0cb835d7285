import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "./crc32c.ts";

/* RFC 3720 appendix B.4, whose bytes are in the order of the wire, least significant first; and the usual check value. */
const KNOWN: readonly [string, Buffer, number][] = [
  ["32 zeros", Buffer.alloc(32), 0x8a9136aa],
  ["32 ones", Buffer.alloc(32, 0xff), 0x62a8ab43],
  ["32 that rise", Buffer.from(Array.from({ length: 32 }, (_, at) => at)), 0x46dd794e],
  ["32 that fall", Buffer.from(Array.from({ length: 32 }, (_, at) => 31 - at)), 0x113fdb5c],
  ["the digits", Buffer.from("123456789"), 0xe3069283],
  ["nothing", Buffer.alloc(0), 0],
];
for (const [title, bytes, sum] of KNOWN)
  test(`the CRC32c of ${title}`, () => assert.equal(crc32c(bytes), sum));

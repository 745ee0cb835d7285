import { randomBytes } from "node:crypto";
import type { Hello } from "./probe.ts";

/* A ClientHello of our own, since no library offers what it does not have itself: SSL 3.0 to TLS 1.3, any suite, any name. */

const [CLIENT_HELLO, HANDSHAKE] = [1, 22];
const LONGEST_RECORD = 16_384;
const TLS13 = 0x0304;
/** Two signalling values that are no suites: RFC 7507 and RFC 5746 section 3.3. */
const SIGNALS: ReadonlySet<number> = new Set([0x5600, 0x00ff]);
/** As many as two bytes of length allow in thirds of all 65,536. */
const PART = 22_000;

/** Each suite number there is, in lists that each fit into one hello. */
export const ALL_SUITES: readonly (readonly number[])[] = [0, PART, 2 * PART].map((first) =>
  Array.from({ length: Math.min(PART, 65_536 - first) }, (_, index) => first + index).filter(
    (suite) => !SIGNALS.has(suite),
  ),
);

/** The bytes of one ClientHello in its records: RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2. */
export function encodeHello(
  { version, servername, alpn, compression }: Hello,
  suites: readonly number[],
): Buffer {
  const modern = version === TLS13;
  const session = modern ? randomBytes(32) : Buffer.alloc(0);
  const list = Buffer.alloc(suites.length * 2);
  for (const [index, suite] of suites.entries()) list.writeUInt16BE(suite, index * 2);
  const body = Buffer.concat([
    u16(Math.min(version, 0x0303)),
    randomBytes(32),
    vector8(session),
    vector16(list),
    vector8(Buffer.from(compression ? [1, 0] : [0])),
    vector16(Buffer.concat(extensions(version, servername, alpn))),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  length.writeUInt8(CLIENT_HELLO);
  return records(Buffer.concat([length, body]), Math.min(version, 0x0301));
}

function extensions(
  version: number,
  servername: string | undefined,
  alpn: readonly string[] | undefined,
): Buffer[] {
  const name = servername === undefined ? undefined : Buffer.from(servername, "latin1");
  const shared = [
    ...(name ? [extension(0, vector16(Buffer.concat([Buffer.from([0]), vector16(name)])))] : []),
    extension(10, vector16(Buffer.concat([0x001d, 0x0017, 0x0018, 0x0019].map(u16)))),
    extension(11, vector8(Buffer.from([0]))),
    ...(alpn ? [extension(16, vector16(Buffer.concat(alpn.map((each) => vector8(Buffer.from(each))))))] : []),
    extension(35, Buffer.alloc(0)),
    extension(0xff01, vector8(Buffer.alloc(0))),
  ];
  if (version < 0x0303) return shared;
  const signatures = [0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601];
  const withSignatures = [...shared, extension(13, vector16(Buffer.concat(signatures.map(u16))))];
  if (version < TLS13) return withSignatures;
  // Any 32 bytes are a public key of X25519; nothing is ever computed with it here.
  const share = Buffer.concat([u16(0x001d), vector16(randomBytes(32))]);
  return [
    ...withSignatures,
    extension(43, vector8(u16(TLS13))),
    extension(45, vector8(Buffer.from([1]))),
    extension(51, vector16(share)),
  ];
}

function records(message: Buffer, version: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += LONGEST_RECORD) {
    const fragment = message.subarray(at, at + LONGEST_RECORD);
    parts.push(Buffer.from([HANDSHAKE]), u16(version), vector16(fragment));
  }
  return Buffer.concat(parts);
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function vector8(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([content.length]), content]);
}

function vector16(content: Buffer): Buffer {
  return Buffer.concat([u16(content.length), content]);
}

function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([u16(type), vector16(content)]);
}

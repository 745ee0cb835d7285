/** One frame as a capture file holds it. */
export interface CapturedFrame {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly bytes: Buffer;
}

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const VERSION = [2, 4] as const;
const LINKTYPE_ETHERNET = 1;
const SNAP_BYTES = 262_144;
const [FILE_HEADER_BYTES, FRAME_HEADER_BYTES] = [24, 16];

/** A classic capture file of Ethernet frames, as pcap-savefile(5) has it and Wireshark opens it. */
export function encodePcap(frames: readonly CapturedFrame[]): Buffer {
  const header = Buffer.alloc(FILE_HEADER_BYTES);
  header.writeUInt32LE(MAGIC_MICROSECONDS, 0);
  header.writeUInt16LE(VERSION[0], 4);
  header.writeUInt16LE(VERSION[1], 6);
  header.writeUInt32LE(SNAP_BYTES, 16);
  header.writeUInt32LE(LINKTYPE_ETHERNET, 20);
  return Buffer.concat([header, ...frames.flatMap((frame) => [frameHeader(frame), frame.bytes])]);
}

function frameHeader({ atMs, bytes }: CapturedFrame): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32LE(Math.floor(atMs / 1000), 0);
  header.writeUInt32LE(Math.floor((atMs % 1000) * 1000), 4);
  header.writeUInt32LE(bytes.length, 8);
  header.writeUInt32LE(bytes.length, 12);
  return header;
}

import type { FilterStep } from "../lab/libc.ts";
import { addressBytes, isIp6, type ProbePacket } from "./frame.ts";
import { PROTOCOL } from "./token.ts";

/* Classic packet filter, linux/bpf_common.h and linux/filter.h. */
const LOAD = { 4: 0x20, 2: 0x28, 1: 0x30 } as const;
const [EQUAL, SET, RETURN] = [0x15, 0x45, 0x06];
/** From here on offsets count from the IP header, wherever it is; slower than a known place. */
const NETWORK = 0xfff00000;
const PACKET_TYPE = 0xfffff000;
/** SKF_AD_PKTTYPE: whom a frame is addressed to; PACKET_OTHERHOST, linux/if_packet.h. */
const ADDRESSEE = 0xfffff004;
const OTHER_HOST = 3;
/** All that a look needs of a packet: an error quotes a header of IPv6 behind one. */
const SNAP_BYTES = 160;

type Test = readonly [load: number, at: number, code: number, value: number];

/**
 * Lets through what `sightOf` of the same ends may know: all of it, or refusals alone. What it lets through is cut short.
 * `skip`: how many bytes the socket hears before the IP header; undefined where it does not hear that.
 */
export function filterOf(
  ends: Pick<ProbePacket, "source" | "dest" | "sport">,
  kinds: "all" | "refusals",
  skip: number | undefined,
): FilterStep[] {
  const start = skip ?? NETWORK;
  const { source, dest, sport } = ends;
  const shape = isIp6(dest)
    ? { type: 0x86dd, protocol: 6, from: 8, to: 24, body: 40, error: [PROTOCOL.icmp6, 1] as const }
    : { type: 0x0800, protocol: 9, from: 12, to: 16, body: 20, error: [PROTOCOL.icmp, 3] as const };
  const ours: Test = [LOAD[4], PACKET_TYPE, EQUAL, shape.type];
  const protocol = (number: number): Test => [LOAD[1], start + shape.protocol, EQUAL, number];
  const between = (offset: number, from: string, to: string) => [
    ...isAt(start + offset + shape.from, from),
    ...isAt(start + offset + shape.to, to),
  ];
  const port = (offset: number): Test => [LOAD[2], start + shape.body + offset, EQUAL, sport];
  // A frame that a bridge floods passes here too, and its destination's stack does not take it.
  const taken = not([LOAD[4], ADDRESSEE, EQUAL, OTHER_HOST]);
  const there = [ours, taken, ...between(0, source, dest)];
  const probes = [
    [...there, protocol(PROTOCOL.tcp), port(0)],
    [...there, protocol(PROTOCOL.udp), port(0)],
    [...there, ...[PROTOCOL.tcp, PROTOCOL.udp].map((each) => not(protocol(each)))],
  ];
  const reset: Test = [LOAD[1], start + shape.body + 13, SET, 0x04];
  const [errorProtocol, errorType] = shape.error;
  const refusals = [
    [ours, protocol(PROTOCOL.tcp), ...between(0, dest, source), port(2), reset],
    [
      ours,
      protocol(errorProtocol),
      [LOAD[1], start + shape.body, EQUAL, errorType] as const,
      ...between(shape.body + 8, source, dest),
    ],
  ];
  // A refusal that was flooded to the destination is not its own.
  return program(kinds === "all" ? [...probes, ...refusals.map((row) => [taken, ...row])] : refusals);
}

function isAt(offset: number, address: string): Test[] {
  const bytes = addressBytes(address);
  return Array.from({ length: bytes.length / 4 }, (_, word) => [
    LOAD[4],
    offset + word * 4,
    EQUAL,
    bytes.readUInt32BE(word * 4),
  ]);
}

const NEGATED = 0x1000;

function not([load, at, code, value]: Test): Test {
  return [load, at, code | NEGATED, value];
}

/** Lets through what passes all tests of one of the rows. */
function program(rows: readonly (readonly Test[])[]): FilterStep[] {
  const steps = rows.flatMap((tests) => {
    const length = tests.length * 2 + 1;
    return [
      ...tests.flatMap(([load, at, code, value], index): FilterStep[] => {
        const toNext = length - index * 2 - 2;
        const [ifTrue, ifFalse] = code & NEGATED ? [toNext, 0] : [0, toNext];
        return [
          [load, 0, 0, at],
          [code & ~NEGATED, ifTrue, ifFalse, value],
        ];
      }),
      [RETURN, 0, 0, SNAP_BYTES] as const,
    ];
  });
  return [...steps, [RETURN, 0, 0, 0]];
}

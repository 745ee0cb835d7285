import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expression, setOf } from "../../fixtures/random-packet-set.ts";
import { type Family, type IpSpan, parseSpan, parseSpanRange } from "../ip.ts";
import { regionOf } from "../lint/region.ts";
import { TCP, UDP } from "../packet.ts";
import { addressText } from "./address-text.ts";
import { icmpService } from "./layout.ts";
import { anyCode } from "./openings.ts";
import { type Conditions, PacketSpace } from "./packet-space.ts";
import { PacketSet } from "./packet-set.ts";
import { type Span, single } from "./spans.ts";

const SPACE = new PacketSpace(4);
const FROM_LAN = { sources: region("10.0.0.0/24") };

function region(...texts: readonly string[]) {
  const spans = texts.flatMap((text) => parseSpanRange(text) ?? parseSpan(text) ?? []);
  return regionOf(spans, spans[0]?.family ?? 4);
}

function where(conditions: Conditions): PacketSet {
  return PacketSet.where(SPACE, conditions);
}

function ports(proto: number, ...all: readonly (number | Span)[]): Conditions {
  const spans = all.map((each) => (typeof each === "number" ? single(each) : each));
  return { protos: [single(proto)], ports: spans };
}

const WEB = ports(TCP, 80, 443);
const ROWS: readonly (readonly [PacketSet, ...string[]])[] = [
  [PacketSet.none(SPACE), "nothing"],
  [PacketSet.all(SPACE), "any protocol"],
  [where(WEB), "tcp 80, 443"],
  [where(ports(TCP, { first: 0, last: 21 }, { first: 23, last: 65_535 })), "tcp except 22"],
  [
    where({ ...ports(TCP, { first: 8000, last: 8010 }), ...FROM_LAN }).subtract(
      where({ sources: region("10.0.0.12") }),
    ),
    "tcp 8000-8010 from 10.0.0.0/24 except 10.0.0.12",
  ],
  [where(WEB).subtract(where(FROM_LAN)), "tcp 80, 443 from anywhere except 10.0.0.0/24"],
  [where({ ...FROM_LAN, dests: region("10.0.0.5") }), "any protocol from 10.0.0.0/24 to 10.0.0.5"],
  [where({ protos: [single(TCP), single(UDP)], ports: [single(53)] }), "tcp, udp 53"],
  [
    where(WEB).union(where({ protos: [single(UDP)], sports: [single(53)] })),
    "tcp 80, 443",
    "udp source port 53",
  ],
  [
    where({ protos: [single(1)], icmp: [anyCode(8), single(icmpService(3, 4))] }),
    "icmp type 3 code 4, echo-request",
  ],
  [where({ protos: [single(1)] }).subtract(where({ icmp: [anyCode(13)] })), "icmp except timestamp-request"],
  [
    where({ icmp: [{ first: icmpService(20, 250), last: icmpService(23, 5) }] }),
    "icmp, ipv6-icmp type 20 code 250-255, type 21-22, type 23 code 0-5",
  ],
  [
    where({ protos: [single(1)], icmp: [anyCode(8)] }).union(where(ports(TCP, { first: 2048, last: 2303 }))),
    "icmp echo-request",
    "tcp 2048-2303",
  ],
  [where({ states: [single(3), single(4)] }), "any protocol, state RELATED or ESTABLISHED"],
  [
    where({ flags: [single(2), single(18)], foreignMac: true }),
    "tcp, flags SYN or SYN+ACK, of a foreign MAC",
  ],
  [
    where(WEB)
      .complement()
      .intersect(where(ports(TCP, { first: 79, last: 81 }))),
    "tcp 79, 81",
  ],
  [
    where({ protos: [single(47)], ownReply: true, dests: region("10.0.0.5") }),
    "of packets whose source is their destination also: gre to 10.0.0.5",
  ],
  [
    where({ protos: [single(47)] }).subtract(where({ ownReply: true })),
    "gre",
    "of packets whose source is their destination not: gre",
  ],
];

for (const [set, ...lines] of ROWS)
  test(`a set reads: ${lines.join("; ")}`, () => {
    assert.deepEqual(set.lines(), lines);
  });

const ADDRESSES: readonly (readonly [string, ...string[]])[] = [
  ["10.0.0.1-10.0.0.6", "10.0.0.1-10.0.0.6"],
  ["10.0.0.0/23", "10.0.0.0-10.0.1.255"],
  ["10.0.0.0/24 except 10.0.0.1, 10.0.0.9", "10.0.0.0", "10.0.0.2-10.0.0.8", "10.0.0.10-10.0.0.255"],
  [
    "10.0.0.0/24 except 10.0.0.1, 10.0.0.9; 192.168.0.0/16 except 192.168.7.0/24",
    "10.0.0.0",
    "10.0.0.2-10.0.0.8",
    "10.0.0.10-10.0.0.255",
    "192.168.0.0-192.168.6.255",
    "192.168.8.0-192.168.255.255",
  ],
  ["2001:db8::/32 except 2001:db8::1", "2001:db8::", "2001:db8::2-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
  [
    "anywhere except fe80::/10",
    "::-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fec0::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
  ],
];

for (const [text, ...spans] of ADDRESSES)
  test(`addresses read: ${text}`, () => {
    const all = region(...spans);
    assert.equal(addressText(all, all[0]?.family ?? 4), text);
  });

test("names stand for addresses and networks that have one", () => {
  const names = new Map([
    ["10.0.0.0/24", "lan"],
    ["10.0.0.153", "guest 101"],
    ["10.0.0.10", "guest 103"],
    ["10.0.0.11", "guest 104"],
  ]);
  const nameOf = (text: string) => names.get(text);
  const print = (conditions: Conditions) => where({ ...WEB, ...conditions }).print({ nameOf });
  assert.equal(print({ dests: region("10.0.0.153") }), "tcp 80, 443 to guest 101");
  assert.equal(print(FROM_LAN), "tcp 80, 443 from lan");
  assert.equal(print({ sources: region("10.0.0.10-10.0.0.11") }), "tcp 80, 443 from guest 103, guest 104");
  const rest = where(FROM_LAN).subtract(where({ sources: region("10.0.0.153") }));
  assert.equal(rest.print({ nameOf }), "any protocol from lan except guest 101");
});

test("a long list ends by saying how many lines it leaves out", () => {
  const many = [1, 2, 3, 4, 5].map((each) =>
    where({ ...ports(TCP, each * 10), sources: region(`10.0.0.${each}`) }),
  );
  const set = many.reduce((all, each) => all.union(each));
  assert.deepEqual(set.lines({ max: 3 }), ["tcp 10 from 10.0.0.1", "tcp 20 from 10.0.0.2", "and 3 more"]);
  assert.equal(set.lines({ max: 5 }).length, 5);
});

test("as JSON a set is its boxes", () => {
  const set = where({ ...WEB, ...FROM_LAN, dests: region("10.0.0.5-10.0.0.9") });
  assert.deepEqual(JSON.parse(JSON.stringify(set)), {
    family: 4,
    boxes: [{ protocols: ["tcp"], ports: ["80", "443"], from: ["10.0.0.0/24"], to: ["10.0.0.5-10.0.0.9"] }],
  });
});

test("flows tell no state, flags and MAC, and only what a client may send first", () => {
  const open = where({ ...WEB, states: [single(0)] }).union(where({ states: [single(4)] }));
  assert.equal(open.flows().print(), "tcp 80, 443");
  assert.equal(
    where({ flags: [single(16)] })
      .flows()
      .print(),
    "nothing",
  );
  assert.equal(
    where({ ...WEB, foreignMac: true })
      .flows()
      .print(),
    "nothing",
  );
});

for (const family of [4, 6] as const)
  test(`IPv${family}: a set is printed alike however it was made, and its boxes make it again`, () => {
    fc.assert(
      fc.property(expression(family), expression(family), (left, right) => {
        const space = new PacketSpace(family);
        const [a, b] = [setOf(space, left), setOf(space, right)];
        const made = a.union(b).subtract(a.intersect(b));
        const other = b.subtract(a).union(a.subtract(b));
        assert.deepEqual(made.lines(), other.lines());
        assert.deepEqual(made.toJSON(), other.toJSON());
        const boxes = [...made.cubes()].map((cube) => PacketSet.where(space, conditionsOf(cube)));
        const again = boxes.reduce((all, box) => all.union(box), PacketSet.none(space));
        const plain = PacketSet.where(space, { ownReply: false });
        assert.equal(again.intersect(plain).diagram, made.intersect(plain).diagram);
        const total = boxes.reduce((sum, box) => sum + box.intersect(plain).count(), 0n);
        assert.equal(total, made.intersect(plain).count(), "boxes do not meet");
      }),
      { numRuns: 100 },
    );
  });

function conditionsOf(
  cube: ReturnType<PacketSet["cubes"]> extends Iterable<infer Cube> ? Cube : never,
): Conditions {
  const { services, macs, ...rest } = cube;
  const isIcmp = cube.protos?.every(({ first, last }) => first === last && (first === 1 || first === 58));
  return {
    ...rest,
    ...(services && (isIcmp ? { icmp: services } : { ports: services })),
    ...(macs && { foreignMac: macs[0]?.first === 1 }),
  };
}

for (const family of [4, 6] as const)
  test(`IPv${family}: what addresses read as are just those addresses`, () => {
    const base = family === 4 ? 0x0a000000n : 0x20010db8n << 96n;
    const span = fc.tuple(fc.nat(600), fc.nat(40)).map(([first, length]) => {
      const low = base + BigInt(first);
      const ends = [low, low + BigInt(length)] as const;
      const [from, to] = family === 4 ? ends.map(Number) : ends;
      return { family, first: from ?? 0, last: to ?? 0 };
    });
    fc.assert(
      fc.property(fc.array(span, { minLength: 1, maxLength: 6 }), (spans) => {
        const all = regionOf(spans, family);
        const text = addressText(all, family);
        for (let offset = -2n; offset < 645n; offset++) {
          const ip = base + offset;
          assert.equal(reads(text, ip, family), isIn(all, ip), `${text}: ${ip.toString(16)}`);
        }
      }),
      { numRuns: 60 },
    );
  });

function isIn(spans: readonly IpSpan[], ip: bigint): boolean {
  return spans.some(({ first, last }) => BigInt(first) <= ip && ip <= BigInt(last));
}

/** An address by what the text says. */
function reads(text: string, ip: bigint, family: Family): boolean {
  const isAmong = (list: string) =>
    list.split(", ").some((word) => {
      const network = parseSpanRange(word) ?? parseSpan(word);
      return network?.family === family && isIn([network], ip);
    });
  return text.split("; ").some((part) => {
    const [list = "", except] = part.split(" except ");
    return isAmong(list) && (except === undefined || !isAmong(except));
  });
}

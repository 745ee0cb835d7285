import { closeSync, readFileSync } from "node:fs";
import { HarnessError } from "../errors.ts";
import type { Lab } from "./lab.ts";
import { AF_INET, AF_INET6, AF_NETLINK, receive, SOCK_RAW, sendAll, socket } from "./libc.ts";
import { within } from "./namespace.ts";

const NETLINK_NETFILTER = 12;
/* linux/netlink.h, linux/netfilter/nfnetlink_conntrack.h: subsystem ctnetlink, message "delete". */
const IPCTNL_MSG_CT_DELETE = (1 << 8) | 2;
const NLM_F_REQUEST_ACK = 1 | 4;
const NFNETLINK_V1 = 1;
const NLMSG_ERROR = 2;
const HEADER_BYTES = 16;
const MESSAGE_BYTES = HEADER_BYTES + 4;
const ENOENT = 2;

/** Tracked flows of one sender to one destination, from one port or any: addresses as 4 or 16 bytes. */
export interface TrackedFlows {
  readonly source: Buffer;
  readonly dest: Buffer;
  readonly protocol: number;
  readonly sport?: number;
}

/**
 * Empties a namespace's connection table: a "delete" that names no flow deletes all of them. What conntrack(8) -F asks
 * for, without the program. Throws `lab-command`.
 */
export function flushConntrack(lab: Lab, namespace: string): void {
  deleteMatching(lab, namespace, AF_UNSPEC, []);
}

/**
 * Takes these flows alone out of a namespace's connection table (Linux 5.8 or later): the connections of servers beside
 * them go on. Of IPv6 all flows: the kernel's filter takes equal addresses for different ones
 * (ctnetlink_filter_match_tuple, Linux 6.18), and no server of a lab speaks it. Throws `lab-command`.
 */
export function forgetFlows(lab: Lab, namespace: string, flows: TrackedFlows): void {
  if (familyOf(flows) === AF_INET6) return deleteMatching(lab, namespace, AF_INET6, []);
  const compared = Buffer.alloc(4);
  compared.writeUInt32LE(flows.sport === undefined ? COMPARED : COMPARED | COMPARED_SPORT, 0);
  deleteMatching(lab, namespace, familyOf(flows), [
    originalTuple(flows),
    attribute(CTA.filter, [attribute(CTA.filterOriginalFlags, [compared], 0)]),
  ]);
}

/**
 * Takes the one flow that each protocol without ports has between two addresses out of a namespace's connection table. It
 * is looked up, where `forgetFlows` walks the table for each. Throws `lab-command`.
 */
export function forgetPortless(
  lab: Lab,
  namespace: string,
  ends: Pick<TrackedFlows, "source" | "dest">,
  protocols: readonly number[],
): void {
  const fd = within(lab, namespace, () => socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
  try {
    for (let at = 0; at < protocols.length; at += LOOKED_UP) {
      const messages = protocols
        .slice(at, at + LOOKED_UP)
        .map((protocol) => deletion(familyOf(ends), [originalTuple({ ...ends, protocol })]));
      sendAll(fd, [Buffer.concat(messages)], [kernelAddress()]);
      for (const _message of messages) requireDone(statusOf(fd), [0, -ENOENT]);
    }
  } finally {
    closeSync(fd);
  }
}

/** Messages at a time: the answers to more would not fit a socket's default buffer. */
const LOOKED_UP = 64;

function familyOf({ source }: Pick<TrackedFlows, "source">): number {
  return source.length === 4 ? AF_INET : AF_INET6;
}

/** Both ports are 0 where no other is given, as those of protocols without any are. */
function originalTuple({ source, dest, protocol, sport = 0 }: TrackedFlows): Buffer {
  const isIp4 = source.length === 4;
  const port = Buffer.alloc(2);
  port.writeUInt16BE(sport, 0);
  return attribute(CTA.tupleOriginal, [
    attribute(CTA.ip, [
      attribute(isIp4 ? CTA.ip4Source : CTA.ip6Source, [source], 0),
      attribute(isIp4 ? CTA.ip4Dest : CTA.ip6Dest, [dest], 0),
    ]),
    attribute(CTA.proto, [
      attribute(CTA.protoNumber, [Buffer.of(protocol)], 0),
      attribute(CTA.protoSourcePort, [port], 0),
      attribute(CTA.protoDestPort, [Buffer.alloc(2)], 0),
    ]),
  ]);
}

/** How many flows a namespace tracks, and how many any namespace may; undefined where the kernel tracks none. */
export function conntrackFill(lab: Lab, namespace: string): { count: number; max: number } | undefined {
  const read = (name: string) => Number(readFileSync(`/proc/sys/net/netfilter/nf_conntrack_${name}`, "utf8"));
  return within(lab, namespace, () => {
    try {
      return { count: read("count"), max: read("max") };
    } catch {
      return undefined;
    }
  });
}

/* linux/netfilter/nfnetlink_conntrack.h. */
const CTA = {
  tupleOriginal: 1,
  ip: 1,
  proto: 2,
  ip4Source: 1,
  ip4Dest: 2,
  ip6Source: 3,
  ip6Dest: 4,
  protoNumber: 1,
  protoSourcePort: 2,
  protoDestPort: 3,
  filter: 25,
  filterOriginalFlags: 1,
} as const;
/** Source, destination, protocol; then the source port; nf_internals.h. */
const COMPARED = (1 << 0) | (1 << 1) | (1 << 3);
const COMPARED_SPORT = 1 << 4;
const AF_UNSPEC = 0;
const NLA_F_NESTED = 1 << 15;

function attribute(type: number, parts: readonly Buffer[], flags = NLA_F_NESTED): Buffer {
  const value = Buffer.concat(parts);
  const header = Buffer.alloc(4);
  header.writeUInt16LE(value.length + 4, 0);
  header.writeUInt16LE(type | flags, 2);
  return Buffer.concat([header, value, Buffer.alloc(-value.length & 3)]);
}

function deleteMatching(lab: Lab, namespace: string, family: number, attributes: readonly Buffer[]): void {
  const fd = within(lab, namespace, () => socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
  try {
    sendAll(fd, [deletion(family, attributes)], [kernelAddress()]);
    requireDone(statusOf(fd), [0]);
  } finally {
    closeSync(fd);
  }
}

/** The kernel answers before sendmmsg(2) returns: 0, or an error number below it. */
function statusOf(fd: number): number | undefined {
  const answer = Buffer.alloc(1024);
  const length = receive(fd, answer);
  const isAnswer = length >= MESSAGE_BYTES && answer.readUInt16LE(4) === NLMSG_ERROR;
  return isAnswer ? answer.readInt32LE(HEADER_BYTES) : undefined;
}

function requireDone(status: number | undefined, good: readonly number[]): void {
  if (status !== undefined && good.includes(status)) return;
  const actual = status === undefined ? "none" : `error ${-status}`;
  throw new HarnessError("lab-command", { subject: "ctnetlink", expected: "an acknowledgement", actual });
}

function deletion(family: number, attributes: readonly Buffer[]): Buffer {
  const message = Buffer.concat([Buffer.alloc(MESSAGE_BYTES), ...attributes]);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(IPCTNL_MSG_CT_DELETE, 4);
  message.writeUInt16LE(NLM_F_REQUEST_ACK, 6);
  message.writeUInt8(family, HEADER_BYTES);
  // To version 0 the family says nothing where no flow is named.
  message.writeUInt8(NFNETLINK_V1, HEADER_BYTES + 1);
  return message;
}

/** `struct sockaddr_nl` of the kernel, netlink(7). */
function kernelAddress(): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  return address;
}

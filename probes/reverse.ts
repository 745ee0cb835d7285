import { forgetPortless } from "../lab/conntrack.ts";
import type { Lab } from "../lab/lab.ts";
import { addressBytes, isIp6, protocolOf } from "./frame.ts";
import type { PacketProbe } from "./probe.ts";

const NODE = "host";
/** What a kernel may track without ports: of dccp, sctp and udplite some do not know any. */
const PORTLESS = /^(?:ip|dccp|sctp|udplite)\//;
/** Of ICMP an id tells flows apart, and of the other family's conntrack makes none. */
const WITH_ID: ReadonlySet<number> = new Set([1, 58]);

/**
 * Has the node forget what the destination's own packets of protocols without ports left tracked: its peer's rules dropped
 * them, but its own had let them out, and this probe's packets would pass as the answers.
 */
export function forgetReverse(lab: Lab, { source, dest, keys }: PacketProbe): void {
  const family = isIp6(dest) ? 6 : 4;
  const protocols = new Set(keys.filter((key) => PORTLESS.test(key)).map((key) => protocolOf(key, family)));
  const ends = { source: addressBytes(dest), dest: addressBytes(source) };
  const looked = [...protocols].filter((protocol) => !WITH_ID.has(protocol));
  forgetPortless(lab, NODE, ends, looked);
}

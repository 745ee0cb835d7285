import { closeSync } from "node:fs";
import {
  AF_PACKET,
  bindPacket,
  ETH_P_ALL,
  forceReceiveBuffer,
  interfaceIndex,
  receive,
  receiveDrops,
  SOCK_RAW,
  socket,
} from "../lab/libc.ts";
import { within } from "../lab/namespace.ts";
import type { ProbeContext } from "./context.ts";
import { ACK, addressBytes, ETHERNET_BYTES, ipPacket, SYN } from "./frame.ts";
import type { ServiceObservation } from "./observation.ts";
import type { ForwardingProbe } from "./probe.ts";
import { observeRaw } from "./raw.ts";
import { PROTOCOL } from "./token.ts";

const DEVICE = "eth0";
const BUFFER_BYTES = 16 * 1024 * 1024;

/**
 * Which connections leave a server's own device while requests come to it, side by side: facts `connections`, a line
 * `ADDRESS:PORT/tcp COUNT` for each target of a SYN and of a datagram, and `answers`, a line for each request. Each SYN passed
 * the device before its answer could come back.
 */
export async function observeForwarding(
  context: ProbeContext,
  probe: ForwardingProbe,
): Promise<ServiceObservation> {
  const { id, from, at, source, requests } = probe;
  const common = {
    kind: "record",
    id,
    from,
    to: `${DEVICE} of ${at}`,
    request: `${requests.length} requests`,
  } as const;
  const fd = within(context.lab, at, () => {
    const made = socket(AF_PACKET, SOCK_RAW, 0);
    bindPacket(made, interfaceIndex(DEVICE), ETH_P_ALL);
    return made;
  });
  try {
    forceReceiveBuffer(fd, BUFFER_BYTES);
    const seen = await Promise.all(requests.map((request) => observeRaw(context, request)));
    const answers = seen.map(({ request: asked, answer, facts }) => {
      const peer = facts["peer"] ? `, asked by ${String(facts["peer"])}` : "";
      return `${asked}: ${answer}${peer}`;
    });
    const opened = new Map<string, number>();
    for (const target of targets(fd, source)) opened.set(target, (opened.get(target) ?? 0) + 1);
    const connections = [...opened].map(([target, count]) => `${target} ${count}`);
    const facts = { connections, answers };
    const lost = receiveDrops(fd);
    const answer = connections.length ? `opened ${connections.join("; ")}` : "opened no connection";
    if (lost === 0) return { ...common, outcome: "answered", answer, facts };
    return { ...common, outcome: "unknown", answer, facts, reason: `the capture lost ${lost} frames` };
  } finally {
    closeSync(fd);
  }
}

const scratch = Buffer.alloc(65_536);

/** Where to what was sent from that address since the last look: `10.0.0.12:443/tcp`. */
function targets(fd: number, source: string): string[] {
  const found: string[] = [];
  for (let length = receive(fd, scratch); length >= 0; length = receive(fd, scratch)) {
    if (length < ETHERNET_BYTES + 20 || scratch.readUInt16BE(ETHERNET_BYTES - 2) !== 0x0800) continue;
    const packet = ipPacket(scratch.subarray(ETHERNET_BYTES, length));
    if (!packet?.addresses.subarray(0, 4).equals(addressBytes(source))) continue;
    const { body } = packet;
    const dest = [...packet.addresses.subarray(4)].join(".");
    if (packet.protocol === PROTOCOL.tcp && body.length >= 14 && (body.readUInt8(13) & (SYN | ACK)) === SYN)
      found.push(`${dest}:${body.readUInt16BE(2)}/tcp`);
    if (packet.protocol === PROTOCOL.udp && body.length >= 4)
      found.push(`${dest}:${body.readUInt16BE(2)}/udp`);
  }
  return found;
}

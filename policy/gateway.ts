import { formatCidr, parseIpv4 } from "./address.ts";
import type { Ruling } from "./chain.ts";
import { isLocal, type Model } from "./model.ts";
import type { Packet } from "./packet.ts";
import type { Pass } from "./passes.ts";

const OWN_ADDRESS = "the source is the gateway's own address: a martian";

/** The gateway's strict reverse path filter: from beyond it no address of the subnet may come, nor one of no network. */
export function fromWan(model: Model): Pass {
  const subnet = formatCidr(model.subnet);
  const gateway = parseIpv4(model.node.host.gateway ?? "");
  return gatewayPass("from beyond the gateway", (packet) => {
    if (packet.source === gateway) return OWN_ADDRESS;
    if (isLocal(model, packet.source)) return `reverse path: a source of ${subnet} came from outside`;
    return isMartian(packet.source) ? "a source that no network has: a martian" : undefined;
  });
}

/** The same filter on the way out: only addresses of the subnet come from inside. */
export function toWan(model: Model): Pass {
  const subnet = formatCidr(model.subnet);
  const gateway = parseIpv4(model.node.host.gateway ?? "");
  return gatewayPass("out through the gateway", (packet) => {
    if (packet.source === gateway) return OWN_ADDRESS;
    return isLocal(model, packet.source)
      ? undefined
      : `reverse path: a source outside ${subnet} came from inside`;
  });
}

function gatewayPass(where: string, refusal: (packet: Packet) => string | undefined): Pass {
  const rule = (packet: Packet): Ruling => {
    const text = refusal(packet);
    const decider = { kind: "gateway", chain: "gateway reverse path" } as const;
    return text === undefined
      ? { verdict: "accept", decider: { ...decider, text: "the source's reverse path is right" } }
      : { verdict: "drop", decider: { ...decider, text } };
  };
  return { hook: "GATEWAY", where, rule, asks: () => [] };
}

/** 0.0.0.0/8 (its all-zero address), loopback, multicast and reserved: never a source on a wire. */
function isMartian(source: number | bigint): boolean {
  if (typeof source !== "number") return source >= 0xff00n << 112n || source <= 1n;
  return source === 0 || source >>> 24 === 127 || source >>> 28 === 14 || source === 0xffffffff;
}

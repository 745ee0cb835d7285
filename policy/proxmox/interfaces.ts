import { formatIpv4, maskOf, parseIpv4 } from "../address.ts";
import { networkOf } from "../guest.ts";
import { contentLines } from "./line.ts";
import type { NodeHost } from "./node.ts";

interface Stanza {
  readonly name: string;
  readonly settings: ReadonlyMap<string, string>;
}

/**
 * The host's address in the node's /etc/network/interfaces (interfaces(5)): that of the bridge with a gateway, else of
 * the first bridge with an IPv4 address. Undefined where no bridge has one.
 */
export function parseInterfaces(text: string): NodeHost | undefined {
  const hosts = stanzasOf(text).flatMap(hostOf);
  return hosts.find(({ gateway }) => gateway !== undefined) ?? hosts[0];
}

function stanzasOf(text: string): Stanza[] {
  const stanzas: { name: string; settings: Map<string, string> }[] = [];
  let current: Map<string, string> | undefined;
  for (const { text: line } of contentLines(text.replaceAll("\r\n", "\n"))) {
    const [key = "", name = ""] = line.split(/[ \t]+/, 2);
    const isNew = /^(?:iface|mapping|auto|allow-\S+|source\S*|no-\S+|rename)$/.test(key);
    if (isNew) current = key === "iface" ? new Map() : undefined;
    if (isNew && current) stanzas.push({ name, settings: current });
    if (!isNew) current?.set(key, name);
  }
  return stanzas;
}

function hostOf({ name, settings }: Stanza): NodeHost[] {
  const [address = "", prefix = prefixOf(settings.get("netmask"))] =
    settings.get("address")?.split("/") ?? [];
  if (!/^vmbr\w+$/.test(name) || parseIpv4(address) === undefined) return [];
  const gateway = settings.get("gateway");
  const known = gateway !== undefined && parseIpv4(gateway) !== undefined;
  const localNetwork = networkOf(`${address}/${prefix}`);
  return [{ address, bridge: name, localNetwork, ...(known ? { gateway } : {}) }];
}

/** A mask as a number of bits or as a dotted quad; without one the address stands alone. */
function prefixOf(mask = "32"): string {
  const bits = Array.from({ length: 33 }, (_, length) => length);
  return String(bits.find((length) => formatIpv4(maskOf(length)) === mask) ?? mask);
}

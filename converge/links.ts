import { type Estate, type Guest, tapOf } from "../policy/estate.ts";
import { WAN_ADDRESS } from "../policy/place.ts";
import { GATEWAY_OUTER_ADDRESS, PUBLIC_DNS_ADDRESS } from "./layout.ts";
import type { LinkBatch, Resource } from "./resource.ts";

/** MAC addresses of what is not a guest: locally administered, outside the ranges that Phoenix files use. */
export const MAC = {
  host: "02:50:48:00:00:0d",
  gatewayInner: "02:50:48:00:00:01",
  gatewayOuter: "02:50:48:00:01:01",
  lan: "02:50:48:00:00:32",
  wan: "02:50:48:00:01:0a",
  internet: "02:50:48:00:01:35",
} as const;

const FABRIC = "links fabric";
const BRIDGE = "type bridge forward_delay 0 mcast_snooping 0";

/** The links that every estate has: the node's bridge and uplink, the gateway, `lan`, `wan` and the internet's servers. */
export function fabricLinks(estate: Estate, lanAddress: string): Resource {
  const { host } = estate;
  const prefix = host.prefixLength;
  const create: LinkBatch[] = [
    ip("gateway", [
      "link set lo up",
      `link add lan0 address ${MAC.gatewayInner} ${BRIDGE}`,
      `link add wan0 address ${MAC.gatewayOuter} ${BRIDGE}`,
      "link add node type veth peer name eth0 netns host",
      `link add plug type veth peer name eth0 address ${MAC.lan} netns lan`,
      `link add user type veth peer name eth0 address ${MAC.wan} netns wan`,
      `link add servers type veth peer name eth0 address ${MAC.internet} netns internet`,
      "link set node master lan0 up",
      "link set plug master lan0 up",
      "link set user master wan0 up",
      "link set servers master wan0 up",
      `addr add ${host.gateway}/${prefix} dev lan0`,
      `addr add ${GATEWAY_OUTER_ADDRESS}/24 dev wan0`,
      "link set lan0 up",
      "link set wan0 up",
      `neigh replace ${host.address} lladdr ${MAC.host} dev lan0 nud permanent`,
      `neigh replace ${lanAddress} lladdr ${MAC.lan} dev lan0 nud permanent`,
      `neigh replace ${WAN_ADDRESS} lladdr ${MAC.wan} dev wan0 nud permanent`,
      `neigh replace ${PUBLIC_DNS_ADDRESS} lladdr ${MAC.internet} dev wan0 nud permanent`,
      ...estate.dns.upstreamServers.map((address) => `route replace ${address}/32 via ${PUBLIC_DNS_ADDRESS}`),
    ]),
    ip("host", [
      "link set lo up",
      `link add ${host.bridge} address ${MAC.host} ${BRIDGE}`,
      `link set eth0 master ${host.bridge} up`,
      `addr add ${host.address}/${prefix} dev ${host.bridge}`,
      `link set ${host.bridge} up`,
      `route add default via ${host.gateway}`,
      `neigh replace ${host.gateway} lladdr ${MAC.gatewayInner} dev ${host.bridge} nud permanent`,
      `neigh replace ${lanAddress} lladdr ${MAC.lan} dev ${host.bridge} nud permanent`,
    ]),
    bridge("host", [
      `fdb replace ${MAC.gatewayInner} dev eth0 master static`,
      `fdb replace ${MAC.lan} dev eth0 master static`,
    ]),
    bridge("gateway", [
      `fdb replace ${MAC.host} dev node master static`,
      `fdb replace ${MAC.lan} dev plug master static`,
      `fdb replace ${MAC.wan} dev user master static`,
      `fdb replace ${MAC.internet} dev servers master static`,
    ]),
    ip("lan", endpoint(lanAddress, prefix, host.gateway)),
    ip("wan", endpoint(WAN_ADDRESS, 24, GATEWAY_OUTER_ADDRESS)),
    ip("internet", [
      ...endpoint(PUBLIC_DNS_ADDRESS, 24, GATEWAY_OUTER_ADDRESS),
      ...estate.dns.upstreamServers.map((address) => `addr add ${address}/32 dev eth0`),
    ]),
  ];
  const remove: LinkBatch[] = [
    ip(
      "gateway",
      ["node", "plug", "user", "servers", "lan0", "wan0"].map((name) => `link del ${name}`),
    ),
    ip("host", [`link del ${host.bridge}`]),
  ];
  return { kind: "links", key: FABRIC, devices: [host.bridge, "eth0"], create, remove };
}

function endpoint(address: string, prefixLength: number, gateway: string): string[] {
  return [
    "link set lo up",
    `addr add ${address}/${prefixLength} dev eth0`,
    "link set eth0 up",
    `route add default via ${gateway}`,
  ];
}

/** A guest's NIC with Proxmox's plumbing: behind a bridge of its own where its firewall is on, else straight on vmbr0. */
export function guestLinks(estate: Estate, guest: Guest): Resource {
  const { id, mac, address } = guest;
  const tap = tapOf(guest);
  const { bridge: vmbr, gateway } = estate.host;
  const filtered = guest.firewall?.enabled === true;
  const port = filtered ? `fwpr${id}p0` : tap;
  const own = filtered
    ? [
        `link add fwbr${id}i0 ${BRIDGE}`,
        `link add fwln${id}i0 type veth peer name fwpr${id}p0`,
        `link set fwln${id}i0 master fwbr${id}i0 up`,
        `link set fwpr${id}p0 master ${vmbr} up`,
        `link set fwbr${id}i0 up`,
      ]
    : [];
  const create: LinkBatch[] = [
    ip("host", [
      ...own,
      `link add ${tap} type veth peer name eth0 address ${mac} netns ${id}`,
      `link set ${tap} master ${filtered ? `fwbr${id}i0` : vmbr} up`,
      `neigh replace ${address} lladdr ${mac} dev ${vmbr} nud permanent`,
    ]),
    bridge("host", [
      `fdb replace ${mac} dev ${port} master static`,
      ...(filtered ? [`fdb replace ${mac} dev ${tap} master static`] : []),
    ]),
    bridge("gateway", [`fdb replace ${mac} dev node master static`]),
    ip("gateway", [`neigh replace ${address} lladdr ${mac} dev lan0 nud permanent`]),
    ip(id, endpoint(address, guest.prefixLength, guest.gateway ?? gateway)),
  ];
  const remove: LinkBatch[] = [
    ip("host", [
      `link del ${tap}`,
      ...(filtered ? [`link del fwln${id}i0`, `link del fwbr${id}i0`] : []),
      `neigh del ${address} dev ${vmbr}`,
    ]),
    bridge("gateway", [`fdb del ${mac} dev node master`]),
    ip("gateway", [`neigh del ${address} dev lan0`]),
  ];
  return { kind: "links", key: `links ${id}`, devices: [port, tap], create, remove };
}

function ip(namespace: string, lines: readonly string[]): LinkBatch {
  return { namespace, tool: "ip", lines };
}

function bridge(namespace: string, lines: readonly string[]): LinkBatch {
  return { namespace, tool: "bridge", lines };
}

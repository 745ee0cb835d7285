import type { Nic } from "../policy/proxmox/node.ts";
import type { Hardware } from "../policy/world.ts";
import type { LinkBatch } from "./resource.ts";

/** The namespace that is the node. */
const NODE_NAMESPACE = "host";

/** Where a packet of the vectors can start or end, beside the node itself: a namespace whose one interface is `eth0`. */
interface NodeEnd {
  /** `outside`, `lan` or a NIC's place; its namespace has the same name. */
  readonly place: string;
  readonly mac: string;
  readonly bridge: string;
  /** The node's own MAC on that bridge: who is to be routed is addressed so. */
  readonly bridgeMac: string;
  /** The node sends here, whatever the destination, what carries this mark. */
  readonly mark: number;
}

/** A node with all its NICs and nobody who answers, as commands (`pve-live.md` section 2). */
export interface NodeNetwork {
  readonly namespaces: readonly {
    readonly name: string;
    readonly sysctls: Readonly<Record<string, string>>;
  }[];
  readonly batches: readonly LinkBatch[];
  readonly ends: readonly NodeEnd[];
  /** The node's own address on its bridge. */
  readonly address: string;
  readonly bridge: string;
}

const BRIDGE = "type bridge forward_delay 0 mcast_snooping 0";
/** Of the packets that the node itself makes: more than others start with, so that its answers can be told. */
const OWN_TTL = 128;
const UPLINK = "eth0";
/** The plain device's port; like every port without a firewall bridge it has a name that no rule matches. */
const PLAIN_PORT = "tap9i0";

export function nodeNetwork(node: Hardware): NodeNetwork {
  const { address, bridge, localNetwork } = node.host;
  const bridges = [...new Set([bridge, ...node.nics.map((nic) => nic.bridge)])];
  const ends = endsOf(node, bridges);
  const prefix = localNetwork.split("/")[1] ?? "24";
  const forwarding = bridges.length > 1 ? "1" : "0";
  return {
    address,
    bridge,
    ends,
    namespaces: [
      { name: NODE_NAMESPACE, sysctls: { ...NO_IPV6, ...NODE_SYSCTLS, "net/ipv4/ip_forward": forwarding } },
      ...ends.map(({ place }) => ({ name: place, sysctls: NO_IPV6 })),
    ],
    batches: [
      ip([
        "link set lo up",
        ...bridges.flatMap((name, index) => [
          `link add ${name} address ${bridgeMac(index)} ${BRIDGE}`,
          `link set ${name} up`,
        ]),
        // Nothing is on the link: every answer of the node leaves by the default route, and no answer waits for ARP.
        `addr add ${address}/${prefix} broadcast + dev ${bridge} noprefixroute`,
        ...endLinks(UPLINK, ends, "outside"),
        ...endLinks(PLAIN_PORT, ends, "lan"),
        ...node.nics.flatMap((nic) => nicLinks(nic)),
        ...ends.flatMap((end, index) => routesTo(end, index)),
        `route add default via ${nextHop(0)} dev ${bridge} onlink`,
        // What a mark sends somewhere goes there even where its destination is the node's own.
        "rule add pref 100 lookup local",
        "rule del pref 0",
      ]),
      {
        namespace: NODE_NAMESPACE,
        tool: "bridge",
        lines: ends.flatMap(({ place, mac }) => staticEntries(place, mac, node)),
      },
      ...ends.map(
        ({ place }): LinkBatch => ({ namespace: place, tool: "ip", lines: [`link set ${UPLINK} up`] }),
      ),
    ],
  };
}

const NO_IPV6 = { "net/ipv6/conf/all/disable_ipv6": "1", "net/ipv6/conf/default/disable_ipv6": "1" };

/* rp_filter 0: the vectors' sources are anybody's. Answers are never held back, or a REJECT would look like a DROP. */
const NODE_SYSCTLS = {
  "net/bridge/bridge-nf-call-iptables": "1",
  "net/bridge/bridge-nf-call-ip6tables": "1",
  "net/bridge/bridge-nf-call-arptables": "0",
  "net/bridge/bridge-nf-filter-vlan-tagged": "0",
  "net/ipv4/conf/all/rp_filter": "0",
  "net/ipv4/conf/default/rp_filter": "0",
  "net/ipv4/conf/all/accept_local": "1",
  "net/ipv4/conf/all/send_redirects": "0",
  "net/ipv4/conf/default/send_redirects": "0",
  "net/ipv4/icmp_ratelimit": "0",
  "net/ipv4/icmp_msgs_per_sec": "1000000",
  "net/ipv4/icmp_msgs_burst": "1000000",
  "net/ipv4/ip_default_ttl": String(OWN_TTL),
  "net/ipv4/tcp_syncookies": "1",
};

/** `outside` is first: the default route leads there. */
function endsOf(node: Hardware, bridges: readonly string[]): readonly NodeEnd[] {
  const { bridge } = node.host;
  const all = [
    { place: "outside", mac: "02:50:48:00:03:0a", bridge },
    { place: "lan", mac: "02:50:48:00:03:32", bridge },
    ...node.nics.map((nic) => ({ place: nic.place, mac: nic.mac, bridge: nic.bridge })),
  ];
  return all.map((end, index) => ({
    ...end,
    bridgeMac: bridgeMac(bridges.indexOf(end.bridge)),
    mark: index + 1,
  }));
}

function bridgeMac(index: number): string {
  return `02:50:48:00:02:${(index + 1).toString(16).padStart(2, "0")}`;
}

function nextHop(index: number): string {
  return `169.254.${index >> 7}.${(index & 127) + 1}`;
}

function endLinks(port: string, ends: readonly NodeEnd[], place: string): string[] {
  const end = ends.find((each) => each.place === place);
  return end ? [`${pair(port, end)}`, `link set ${port} master ${end.bridge} up`] : [];
}

function pair(port: string, { mac, place }: { readonly mac: string; readonly place: string }): string {
  return `link add ${port} type veth peer name ${UPLINK} address ${mac} netns ${place}`;
}

/** Behind a firewall bridge of its own where the NIC has Proxmox's flag, else straight on its bridge. */
function nicLinks(nic: Nic): string[] {
  const { tap, bridge } = nic;
  if (!nic.flagged) return [pair(tap, nic), `link set ${tap} master ${bridge} up`];
  const { fwbr, fwln, fwpr } = devicesOf(nic);
  return [
    `link add ${fwbr} ${BRIDGE}`,
    `link add ${fwln} type veth peer name ${fwpr}`,
    `link set ${fwln} master ${fwbr} up`,
    `link set ${fwpr} master ${bridge} up`,
    `link set ${fwbr} up`,
    pair(tap, nic),
    `link set ${tap} master ${fwbr} up`,
  ];
}

function devicesOf({ guestId, index }: Nic): Readonly<Record<"fwbr" | "fwln" | "fwpr", string>> {
  const of = `${guestId}i${index}`;
  return { fwbr: `fwbr${of}`, fwln: `fwln${of}`, fwpr: `fwpr${guestId}p${index}` };
}

/** A next hop of its own for every end, and a table that leads there by mark. */
function routesTo({ bridge, mac, mark }: NodeEnd, index: number): string[] {
  const table = 1000 + index;
  return [
    `neigh replace ${nextHop(index)} lladdr ${mac} dev ${bridge} nud permanent`,
    `route add default via ${nextHop(index)} dev ${bridge} onlink table ${table}`,
    `rule add pref 10 fwmark ${mark}/0xffff lookup ${table}`,
  ];
}

/** Without these the first frame would flood to every firewall bridge, and other guests' rules would judge it. */
function staticEntries(place: string, mac: string, node: Hardware): string[] {
  const entry = (port: string) => `fdb replace ${mac} dev ${port} master static`;
  if (place === "outside") return [entry(UPLINK)];
  if (place === "lan") return [entry(PLAIN_PORT)];
  const nic = node.nics.find((each) => each.place === place);
  if (!nic) return [];
  return nic.flagged ? [entry(devicesOf(nic).fwpr), entry(nic.tap)] : [entry(nic.tap)];
}

function ip(lines: readonly string[]): LinkBatch {
  return { namespace: NODE_NAMESPACE, tool: "ip", lines };
}

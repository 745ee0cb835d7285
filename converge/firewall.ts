import type { Node } from "../policy/proxmox/node.ts";
import { clusterOptions, hostOptions } from "../policy/proxmox/options.ts";
import { FilterTable, type IptablesChain, type IpVersion, tableText } from "./filter-table.ts";
import { ipsetText } from "./ipset.ts";
import { addGuestChains } from "./iptables-guest.ts";
import { addHostChains } from "./iptables-host.ts";
import { rawTable } from "./iptables-raw.ts";
import { addInboundFilters, ESTABLISHED_ACCEPT, INVALID_DROP, sharedChains } from "./iptables-shared.ts";

/**
 * The compiled firewall as text for `ipset restore`, `iptables-legacy-restore` and `ip6tables-legacy-restore`, sets first:
 * all that its namespace is to hold, for one that holds none (`lab/netfilter.ts` changes one that does).
 */
export interface CompiledFirewall {
  readonly ipset: string;
  readonly iptables: string;
  readonly ip6tables: string;
}

/**
 * A node's firewall as pve-firewall compiles it: chains, order and device names of `pve-firewall.md` section 6. What the
 * kernel refuses of it (trap 32) it is left to refuse.
 */
export function compileFirewall(node: Node): CompiledFirewall {
  const { enable } = clusterOptions(node.cluster);
  return {
    ipset: enable ? ipsetText(node) : "",
    iptables: tablesOf(node, 4, enable),
    ip6tables: tablesOf(node, 6, enable),
  };
}

function tablesOf(node: Node, version: IpVersion, enable: boolean): string {
  const chains = enable ? filterChains(node, version) : [];
  return rawTable(node, version, enable) + tableText("filter", ["INPUT", "FORWARD", "OUTPUT"], chains);
}

function filterChains(node: Node, version: IpVersion): readonly IptablesChain[] {
  const table = new FilterTable(version);
  const { enable, allowInvalid } = hostOptions(node.hostFile);
  for (const hook of ["PVEFW-INPUT", "PVEFW-OUTPUT", "PVEFW-FORWARD"]) table.begin(hook);
  table.append("PVEFW-FORWARD", ...(allowInvalid ? [] : [INVALID_DROP]), ESTABLISHED_ACCEPT, ...TO_GUESTS);
  table.begin("PVEFW-FWBR-IN");
  addInboundFilters(table, "PVEFW-FWBR-IN", node);
  table.begin("PVEFW-FWBR-OUT");
  for (const { name, lines } of sharedChains(version)) table.begin(name, ...lines);
  if (enable) addHostChains(table, node);
  addGuestChains(table, node);
  return table.chains();
}

const TO_GUESTS = [
  "-m physdev --physdev-is-bridged --physdev-in fwln+ -j PVEFW-FWBR-IN",
  "-m physdev --physdev-is-bridged --physdev-out fwln+ -j PVEFW-FWBR-OUT",
];

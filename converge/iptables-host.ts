import { localNetworkOf, type Node } from "../policy/proxmox/node.ts";
import { clusterOptions, hostOptions } from "../policy/proxmox/options.ts";
import { interfaceErrors } from "../policy/rule.ts";
import { attempt, type FilterTable } from "./filter-table.ts";
import { CLUSTER, setName } from "./ipset.ts";
import { addGroupUse, type Direction } from "./iptables-group.ts";
import { ruleLines } from "./iptables-rule.ts";
import {
  addInboundFilters,
  discoveryLines,
  ESTABLISHED_ACCEPT,
  INVALID_DROP,
  policyLines,
  targets,
} from "./iptables-shared.ts";

/** Accepted is what leaves the chain: the hook's own policy accepts. */
const RETURN = "-j RETURN";

/** PVEFW-HOST-IN and PVEFW-HOST-OUT (`pve-firewall.md` section 6), and the jumps to them. */
export function addHostChains(table: FilterTable, node: Node): void {
  const { policyIn, policyOut } = clusterOptions(node.cluster);
  addHostIn(table, node, "PVEFW-HOST-IN");
  table.append("PVEFW-HOST-IN", ...policyLines(policyIn, RETURN));
  addHostOut(table, node, "PVEFW-HOST-OUT");
  table.append("PVEFW-HOST-OUT", ...policyLines(policyOut, RETURN));
  table.append("PVEFW-INPUT", "-j PVEFW-HOST-IN");
  table.append("PVEFW-OUTPUT", "-j PVEFW-HOST-OUT");
}

function addHostIn(table: FilterTable, node: Node, chain: string): void {
  const { version } = table;
  const { ndp } = hostOptions(node.hostFile);
  table.begin(chain, "-i lo -j ACCEPT", INVALID_DROP, ESTABLISHED_ACCEPT);
  if (ndp) table.append(chain, ...discoveryLines(version, "IN", true, RETURN));
  addInboundFilters(table, chain, node);
  table.append(chain, `-p igmp ${RETURN}`);
  addDeclared(table, node, chain, "IN");
  const management = `-m set --match-set ${setName(CLUSTER, "management", version)} src -p tcp`;
  for (const port of ["8006", "5900:5999", "3128", "22", "60000:60050"])
    table.append(chain, `${management} --dport ${port} ${RETURN}`);
  addCorosync(table, node, chain, "IN");
}

function addHostOut(table: FilterTable, node: Node, chain: string): void {
  const { ndp } = hostOptions(node.hostFile);
  table.begin(chain, "-o lo -j ACCEPT", INVALID_DROP, ESTABLISHED_ACCEPT);
  if (ndp) table.append(chain, ...discoveryLines(table.version, "OUT", false, RETURN));
  table.append(chain, `-p igmp ${RETURN}`);
  addDeclared(table, node, chain, "OUT");
  const network = localNetworkOf(node);
  if (network.includes(":") === (table.version === 6))
    for (const port of ["8006", "22", "5900:5999", "3128"])
      table.append(chain, `-d ${network} -p tcp --dport ${port} ${RETURN}`);
  addCorosync(table, node, chain, "OUT");
}

/** host.fw before cluster.fw. What can't be written is lost by itself. */
function addDeclared(table: FilterTable, node: Node, chain: string, direction: Direction): void {
  const { hostFile, cluster } = node;
  for (const file of [hostFile, cluster])
    for (const rule of file.rules) {
      if (!rule.enabled) continue;
      if (rule.type === "group") {
        const { group, iface: device } = rule;
        if (device !== undefined && interfaceErrors(device, file.kind).length > 0) continue;
        attempt(() => addGroupUse(table, node, { chain, group, direction }, { device, accept: RETURN }));
      } else if (rule.type === direction.toLowerCase())
        attempt(() => {
          const site = { place: file.kind, dc: cluster };
          table.append(chain, ...ruleLines(rule, site, table.version, targets(RETURN)));
        });
    }
}

/** Between the two ends of one link only. */
function addCorosync(table: FilterTable, { corosync }: Node, chain: string, direction: Direction): void {
  if (!corosync) return;
  const accept = `-p udp --dport 5404:5405 ${RETURN}`;
  if (corosync.multicast) table.append(chain, `-m addrtype --dst-type MULTICAST ${accept}`);
  for (const { own, peer } of corosync.links) {
    if (own.includes(":") !== (table.version === 6)) continue;
    const [source, dest] = direction === "IN" ? [peer, own] : [own, peer];
    table.append(chain, `-s ${source} -d ${dest} ${accept}`);
  }
}

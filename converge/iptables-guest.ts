import type { FirewallFile } from "../policy/proxmox/file.ts";
import type { Nic, Node } from "../policy/proxmox/node.ts";
import { type GuestOptions, guestOptions } from "../policy/proxmox/options.ts";
import { interfaceErrors } from "../policy/rule.ts";
import { attempt, type FilterTable } from "./filter-table.ts";
import { ipfilterName, setName } from "./ipset.ts";
import { addGroupUse, type Direction } from "./iptables-group.ts";
import { ruleLines } from "./iptables-rule.ts";
import { ACCEPT_MARK, CLEAR_MARK, discoveryLines, policyLines, targets } from "./iptables-shared.ts";

/** A NIC with its guest's file, and how its IN chain accepts. */
interface Tap {
  readonly nic: Nic;
  readonly file: FirewallFile;
  readonly options: GuestOptions;
  readonly accept: string;
}

/**
 * The chains of every filtered NIC: VMs before containers, guests and their NICs in the order of their names as text. Where a
 * group can't be written, its user's remaining chains are missing, and the jumps to them (trap 1).
 */
export function addGuestChains(table: FilterTable, node: Node): void {
  for (const kind of ["vm", "lxc"] as const) {
    const ids = new Set(node.nics.filter((nic) => nic.kind === kind).map(({ guestId }) => guestId));
    for (const guestId of [...ids].toSorted()) attempt(() => addGuest(table, node, guestId));
  }
}

function addGuest(table: FilterTable, node: Node, guestId: string): void {
  const file = node.guests.get(guestId);
  if (!file || !guestOptions(file).enable) return;
  const options = guestOptions(file);
  const flagged = node.nics.filter((nic) => nic.guestId === guestId && nic.flagged);
  for (const nic of flagged.toSorted((a, b) => (`${a.index}` < `${b.index}` ? -1 : 1))) {
    const tap = { nic, file, options, accept: options.ips ? queue(options) : "-j ACCEPT" };
    addTapIn(table, node, tap);
    addTapOut(table, node, tap);
  }
}

/** An intrusion prevention system's verdict; where none listens, accepted. */
function queue({ ipsQueues = "" }: GuestOptions): string {
  const [, first, last] = /^(\d+)(?::(\d+))?$/.exec(ipsQueues) ?? [];
  const one = first === undefined ? "" : ` --queue-num ${first}`;
  const which = last === undefined ? one : ` --queue-balance ${first}:${last}`;
  return `-j NFQUEUE${which} --queue-bypass`;
}

function addTapIn(table: FilterTable, node: Node, tap: Tap): void {
  const { nic, options, accept } = tap;
  const { version } = table;
  const chain = `${nic.tap}-IN`;
  table.begin(chain, `-j CONNMARK --set-xmark ${nic.guestId}`);
  if (options.dhcp) table.append(chain, `${DHCP_IN[version]} -j ACCEPT`);
  if (options.ndp) table.append(chain, ...discoveryLines(version, "IN", true, accept));
  addDeclared(table, node, tap, chain, "IN");
  const towards = `-m physdev --physdev-is-bridged --physdev-out ${nic.tap}`;
  if (options.ips) addToIps(table, `${towards} ${accept}`);
  table.append(chain, ...policyLines(options.policyIn, accept));
  table.append("PVEFW-FWBR-IN", `${towards} -j ${chain}`);
}

function addTapOut(table: FilterTable, node: Node, tap: Tap): void {
  const { nic, file, options } = tap;
  const { version } = table;
  const chain = `${nic.tap}-OUT`;
  table.begin(chain, `-j CONNMARK --set-xmark ${nic.guestId}`);
  if (options.dhcp) table.append(chain, `${DHCP_OUT[version]} ${ACCEPT_MARK}`);
  if (options.macfilter) table.append(chain, `-m mac ! --mac-source ${nic.mac} -j DROP`);
  if (version === 6 && !options.radv)
    table.append(chain, "-p icmpv6 -m icmp6 --icmpv6-type router-advertisement -j DROP");
  if (options.ipfilter || file.sets.has(ipfilterName(nic)))
    table.append(
      chain,
      `-m set ! --match-set ${setName(nic.guestId, ipfilterName(nic), version)} src -j DROP`,
    );
  table.append(chain, CLEAR_MARK);
  if (options.ndp) table.append(chain, ...discoveryLines(version, "OUT", options.radv, ACCEPT_MARK));
  addDeclared(table, node, tap, chain, "OUT");
  table.append(chain, ...policyLines(options.policyOut, ACCEPT_MARK));
  table.append("PVEFW-FWBR-OUT", `-m physdev --physdev-is-bridged --physdev-in ${nic.tap} -j ${chain}`);
}

const DHCP_IN = { 4: "-p udp --sport 67 --dport 68", 6: "-p udp --sport 547 --dport 546" } as const;
const DHCP_OUT = { 4: "-p udp --sport 68 --dport 67", 6: "-p udp --sport 546 --dport 547" } as const;

/** A rule that can't be written is lost; a group that can't ends the guest. @throws NotWritten */
function addDeclared(
  table: FilterTable,
  node: Node,
  { nic, file, accept }: Tap,
  chain: string,
  direction: Direction,
): void {
  const { guestId, index } = nic;
  const site = { place: "guest", dc: node.cluster, guest: file, guestId } as const;
  const byMark = direction === "IN" ? accept : "-j RETURN";
  const byRule = direction === "IN" ? accept : ACCEPT_MARK;
  for (const rule of file.rules) {
    if (!rule.enabled || (rule.iface !== undefined && rule.iface !== `net${index}`)) continue;
    if (rule.type === "group") {
      if (rule.iface !== undefined && interfaceErrors(rule.iface, "guest").length > 0) continue;
      const use = { chain, group: rule.group, direction };
      addGroupUse(table, node, use, { device: undefined, accept: byMark });
    } else if (rule.type === direction.toLowerCase())
      attempt(() => table.append(chain, ...ruleLines(rule, site, table.version, targets(byRule))));
  }
}

/** Established traffic towards such a guest is asked for too, before anything accepts it. */
function addToIps(table: FilterTable, line: string): void {
  if (!table.has("PVEFW-IPS")) {
    table.begin("PVEFW-IPS");
    table.insert("PVEFW-FORWARD", "-m conntrack --ctstate RELATED,ESTABLISHED -j PVEFW-IPS");
  }
  table.append("PVEFW-IPS", line);
}

import type { Node } from "../policy/proxmox/node.ts";
import { type IptablesChain, type IpVersion, tableText } from "./filter-table.ts";

/** What a helper of conntrack listens to (`pve-firewall.md` 5.2); those marked 4 know no IPv6. */
const HELPERS: Readonly<Record<string, { readonly match: string; readonly only?: 4 }>> = {
  amanda: { match: "-p udp -m udp --dport 10080" },
  ftp: { match: "-p tcp -m tcp --dport 21" },
  irc: { match: "-p tcp -m tcp --dport 6667", only: 4 },
  "netbios-ns": { match: "-p udp -m udp --dport 137", only: 4 },
  pptp: { match: "-p tcp -m tcp --dport 1723", only: 4 },
  sane: { match: "-p tcp -m tcp --dport 6566" },
  sip: { match: "-p udp -m udp --dport 5060" },
  snmp: { match: "-p udp -m udp --dport 161", only: 4 },
  tftp: { match: "-p udp -m udp --dport 69" },
};

/** The raw table where host.fw asks for one (SYN limit, CT helpers), else nothing. */
export function rawTable(node: Node, version: IpVersion, enable: boolean): string {
  const lines = enable ? [...synLimit(node, version), ...helpers(node, version)] : [];
  if (lines.length === 0) return "";
  const chains: readonly IptablesChain[] = [{ name: "PVEFW-PREROUTING", lines }];
  return tableText("raw", ["PREROUTING"], chains);
}

function synLimit({ hostFile: { options } }: Node, version: IpVersion): readonly string[] {
  if (options.get("protection_synflood")?.value !== "1") return [];
  const given = (key: string, unset: number) => Number(options.get(key)?.value ?? 0) || unset;
  const expireMs = given("nf_conntrack_tcp_timeout_syn_recv", 60) * 1000;
  return [
    [
      "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m hashlimit",
      `--hashlimit-above ${given("protection_synflood_rate", 200)}/sec`,
      `--hashlimit-burst ${given("protection_synflood_burst", 1000)}`,
      `--hashlimit-mode srcip --hashlimit-name syn --hashlimit-srcmask ${version === 4 ? 32 : 64}`,
      `--hashlimit-htable-size 2097152 --hashlimit-htable-expire ${expireMs} -j DROP`,
    ].join(" "),
  ];
}

function helpers({ hostFile: { options } }: Node, version: IpVersion): readonly string[] {
  const names = options.get("nf_conntrack_helpers")?.value.split(",") ?? [];
  return names.flatMap((name) => {
    const helper = HELPERS[name.trim()];
    return helper && (helper.only ?? version) === version
      ? [`${helper.match} -j CT --helper ${name.trim()}`]
      : [];
  });
}

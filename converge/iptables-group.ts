import type { GroupUse } from "../policy/proxmox/file.ts";
import type { Node } from "../policy/proxmox/node.ts";
import type { FilterTable } from "./filter-table.ts";
import { ruleLines } from "./iptables-rule.ts";
import { ACCEPT_MARK, CLEAR_MARK, IS_MARKED, targets } from "./iptables-shared.ts";

export type Direction = "IN" | "OUT";

/**
 * A group's use: a jump to its chain, then the question whether that accepted. Both chains of a group are written when one
 * is first missed. `device` (`-i vmbr0`) limits the jump alone, so that a mark of an earlier hop accepts (trap 2).
 * @throws NotWritten
 */
export function addGroupUse(
  table: FilterTable,
  { cluster }: Node,
  use: { readonly chain: string; readonly group: string; readonly direction: Direction },
  { device, accept }: { readonly device: string | undefined; readonly accept: string },
): void {
  const groupChain = `GROUP-${use.group}-${use.direction}`;
  if (!table.has(groupChain)) {
    addGroupChain(table, cluster, use.group, "IN");
    addGroupChain(table, cluster, use.group, "OUT");
  }
  const jump = `-j ${groupChain}`;
  const limit = use.direction === "IN" ? "-i" : "-o";
  table.append(use.chain, device === undefined ? jump : `${limit} ${device} ${jump}`);
  table.append(use.chain, `${IS_MARKED} ${accept}`);
}

/** A group that is not defined is an empty one. A rule that can't be written leaves the chain as far as it came. */
function addGroupChain(
  table: FilterTable,
  cluster: Node["cluster"],
  group: GroupUse["group"],
  direction: Direction,
): void {
  const chain = `GROUP-${group}-${direction}`;
  table.begin(chain, CLEAR_MARK);
  for (const rule of cluster.groups.get(group)?.rules ?? []) {
    if (rule.type !== direction.toLowerCase()) continue;
    const site = { place: "group", dc: cluster } as const;
    table.append(chain, ...ruleLines(rule, site, table.version, targets(ACCEPT_MARK)));
  }
}

import type { FirewallRule } from "../proxmox/file.ts";
import type { Node } from "../proxmox/node.ts";

/** Sets of packets of a list that long take seconds, of ten times as many more memory than there is. */
const MOST_RULES = 2000;

/** Why packets of a node are not compared: a place with more rules than that, those of its groups with them; else undefined. */
export function tooLong({ cluster, hostFile, guests }: Node): string | undefined {
  const lines = (rules: readonly FirewallRule[]) =>
    rules.reduce(
      (sum, rule) => sum + (rule.type === "group" ? (cluster.groups.get(rule.group)?.rules.length ?? 1) : 1),
      0,
    );
  const places = [
    { title: "the host", count: lines(hostFile.rules) + lines(cluster.rules) },
    ...[...guests].map(([id, { rules }]) => ({ title: `guest ${id}`, count: lines(rules) })),
  ];
  const long = places.find(({ count }) => count > MOST_RULES);
  const number = (count: number) => count.toLocaleString("en-US");
  return (
    long &&
    `${long.title} has ${number(long.count)} rules, of which at most ${number(MOST_RULES)} are compared`
  );
}

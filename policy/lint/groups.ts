import { modelOf } from "../model.ts";
import { describePosition } from "../position.ts";
import type { Group, GroupUse } from "../proxmox/file.ts";
import type { Nic, Node } from "../proxmox/node.ts";
import { ruleLine } from "../rule-line.ts";
import { found, type LintFinding } from "./finding.ts";
import type { Ground, Place } from "./ground.ts";

/** Security groups and the lines that use them. */
export function groupLints(ground: Ground): readonly LintFinding[] {
  const uses = ground.places.flatMap((place) =>
    place.rules.flatMap((rule) => (rule.type === "group" ? [{ place, use: rule }] : [])),
  );
  const groups = [...ground.node.cluster.groups.values()];
  return [
    ...groups.flatMap((group) => definedGroup(ground, group, uses)),
    ...uses.flatMap(({ place, use }) => (use.enabled ? usedGroup(ground, place, use) : [])),
  ];
}

interface Use {
  readonly place: Place;
  readonly use: GroupUse;
}

function definedGroup(
  ground: Ground,
  { name, position }: Group,
  uses: readonly Use[],
): readonly LintFinding[] {
  const own = uses.filter(({ use }) => use.group === name);
  const isUsedElsewhere = ground.elsewhere.some(({ rules }) =>
    rules.some((rule) => rule.type === "group" && rule.group === name),
  );
  if (own.length === 0 && isUsedElsewhere) return [];
  if (own.length === 0)
    return [found("unused-group", position, `group ${name}`, `no GROUP line uses the group ${name}`)];
  const failure = ground.failureOf(name);
  if (!failure) return [];
  const line = ruleLine(failure.rule);
  const message = `"${line}" can't be written (${failure.reason}), and with it the group ${name}${consequence(ground, own)}`;
  const related = own.map(({ use }) => use.position);
  return [found("failing-group", failure.rule.position, line, message, { related })];
}

/** Who goes without a filter for it, as the model has it: that depends on who is written first (trap 1). */
function consequence({ node }: Ground, uses: readonly Use[]): string {
  const users = uses.filter(({ use }) => use.enabled).map(({ place }) => place);
  const open = node.nics
    .filter(({ guestId }) => users.some(({ kind, name }) => kind === "guest" && name === guestId))
    .flatMap((nic) => {
      const directions = openDirections(node, nic);
      return directions === "" ? [] : [`net${nic.index} of guest ${nic.guestId} (${directions})`];
    });
  const told = [
    ...(users.some(({ kind }) => kind === "host") ? ["the host goes without some of it"] : []),
    ...(open.length > 0 ? [`it leaves open ${open.join(", ")}`] : []),
  ];
  return told.length > 0 ? `: ${told.join("; ")}` : "; nobody whose firewall is on uses it";
}

function openDirections(node: Node, { place }: Nic): string {
  const { families } = modelOf(node);
  const chains = [4 as const, 6 as const].flatMap((family) => families[family].guests.get(place) ?? []);
  return [
    ...(chains.some((chain) => !chain.in) ? ["inbound"] : []),
    ...(chains.some((chain) => !chain.out) ? ["outbound"] : []),
  ].join(" and ");
}

/** Proxmox's limit of a chain's name, `GROUP-NAME-OUT`. */
const LONGEST_NAME = 18;

function usedGroup({ node }: Ground, place: Place, use: GroupUse): readonly LintFinding[] {
  const line = ruleLine(use);
  const { group, position, iface } = use;
  const findings: LintFinding[] = [];
  if (!node.cluster.groups.has(group)) findings.push(unknown(node.cluster.groups, place, use, line));
  if (place.kind === "host" && iface !== undefined) {
    const message = `"${line}" also accepts, on every other interface, what a guest's OUT chain has accepted`;
    findings.push(found("group-on-interface", position, line, message));
  }
  return findings;
}

function unknown(
  groups: ReadonlyMap<string, Group>,
  place: Place,
  { group, position }: GroupUse,
  line: string,
): LintFinding {
  if (group.length > LONGEST_NAME && place.kind === "guest") {
    const message = `"${line}": no chain can have so long a name, which leaves ${place.title} open, inbound and outbound`;
    return found("failing-group", position, line, message, { remedy: "Delete it." });
  }
  const lower = groups.get(group.toLowerCase());
  const hint = lower
    ? `; ${lower.name} is (${describePosition(lower.position)}), and names are told apart by case`
    : "";
  const extra = lower ? { remedy: `Write ${lower.name}.`, related: [lower.position] } : {};
  return found("unknown-group", position, line, `"${line}": no group ${group} is defined${hint}`, extra);
}

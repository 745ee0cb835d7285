import type { Policy, Rule } from "../estate.ts";
import { describePosition } from "../position.ts";
import { clusterOptions, guestOptions } from "../proxmox/options.ts";
import { ruleLine } from "../rule-line.ts";
import type { Budget } from "./budget.ts";
import { found, type LintFinding } from "./finding.ts";
import { type Direction, DIRECTIONS, type Ground, type Place } from "./ground.ts";
import { mayMeet, type Reach } from "./reach.ts";

/** ACCEPTs under a policy of ACCEPT after which no DROP or REJECT could take one of their packets. */
export function redundantLints(ground: Ground): readonly LintFinding[] {
  return ground.places.flatMap((place) =>
    DIRECTIONS.flatMap((direction) =>
      policyAt(ground, place, direction) === "ACCEPT" ? redundantIn(ground, place, direction) : [],
    ),
  );
}

/** A group has none of its own. */
function policyAt({ node }: Ground, { kind, name }: Place, direction: Direction): Policy | undefined {
  const file = kind === "guest" ? node.guests.get(name) : undefined;
  const options = kind === "host" ? clusterOptions(node.cluster) : file && guestOptions(file);
  return direction === "in" ? options?.policyIn : options?.policyOut;
}

/** From the last rule to the first, so that those after a rule are known. */
function redundantIn(ground: Ground, place: Place, direction: Direction): readonly LintFinding[] {
  const barriers = new Barriers();
  const findings: LintFinding[] = [];
  for (const rule of place.rules.toReversed()) {
    if (!rule.enabled) continue;
    if (rule.type === "group") {
      for (const each of ground.groupRules(rule.group, direction).rules)
        barriers.add(each, withIface(ground, each, rule.iface));
    } else if (rule.type === direction) {
      const { reaches } = ground.understood(rule);
      barriers.add(rule, reaches);
      const isOpen = rule.action === "ACCEPT" && reaches.length > 0;
      if (isOpen && reaches.every((reach) => barriers.misses(reach, ground.budget, rule)))
        findings.push(redundant(ground, place, rule, direction));
    }
  }
  return findings;
}

function withIface(ground: Ground, rule: Rule, iface: string | undefined): readonly Reach[] {
  const { reaches } = ground.understood(rule);
  return iface === undefined ? reaches : reaches.map((reach) => ({ ...reach, iface }));
}

function redundant({ node }: Ground, place: Place, rule: Rule, direction: Direction): LintFinding {
  const file = place.kind === "guest" ? (node.guests.get(place.name) ?? node.cluster) : node.cluster;
  const option = file.options.get(`policy_${direction}`);
  const where = option ? ` (${describePosition(option.position)})` : ", by default";
  const line = ruleLine(rule);
  const message = `"${line}" gives nothing: policy_${direction} of ${place.title} is ACCEPT${where}, and no later rule takes its packets`;
  return found("redundant-accept", rule.position, line, message, {
    related: option ? [option.position] : [],
  });
}

/** The rules after a place that drop or reject, by protocol and port. */
class Barriers {
  readonly #byProto = new Map<string, Reach[]>();
  readonly #byPort = new Map<string, Reach[]>();

  add({ action }: Rule, reaches: readonly Reach[]): void {
    if (action === "ACCEPT") return;
    for (const reach of reaches) {
      const port = onePort(reach);
      if (port !== undefined) push(this.#byPort, `${reach.family} ${reach.proto} ${port}`, reach);
      push(
        this.#byProto,
        `${reach.family} ${reach.proto ?? "any"} ${port === undefined ? "all" : "one"}`,
        reach,
      );
    }
  }

  /** Whether surely none of them takes one of these packets; false where the budget ends. */
  misses(reach: Reach, budget: Budget, { position }: Rule): boolean {
    return this.#candidates(reach).every((list) =>
      list.every((barrier) => budget.spend(position) && !mayMeet(barrier, reach)),
    );
  }

  #candidates(reach: Reach): readonly (readonly Reach[])[] {
    const { family, proto } = reach;
    if (proto === undefined)
      return [...this.#byProto].flatMap(([key, list]) => (key.startsWith(`${family} `) ? [list] : []));
    const port = onePort(reach);
    const ported =
      port === undefined
        ? this.#byProto.get(`${family} ${proto} one`)
        : this.#byPort.get(`${family} ${proto} ${port}`);
    const wide = ["any", proto].map((each) => this.#byProto.get(`${family} ${each} all`));
    return [ported, ...wide].flatMap((list) => (list ? [list] : []));
  }
}

function onePort({ proto, dports }: Reach): number | undefined {
  const [span, other] = dports ?? [];
  return proto !== undefined && span && !other && span.first === span.last ? span.first : undefined;
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

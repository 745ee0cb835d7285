import { HarnessError } from "../../errors.ts";
import type { AddressSet } from "../address-set.ts";
import { cidrsOfSet, countCidrsOfSet } from "../cidr-list.ts";
import type { Position } from "../estate.ts";
import type { Family } from "../ip.ts";
import { describePosition } from "../position.ts";

/** Of a whole node, groups and sets written out. Real nodes have hundreds; a declaration of more is not read again. */
export const MOST_RULES = 100_000;

/** Of one set, both families: as many as an ipset holds by default. Exclusions make a hundred of one IPv6 network. */
export const MOST_NETWORKS = 65_536;

/** Counts the rules that a node becomes before they are made. */
export class RuleBudget {
  #left = MOST_RULES;

  /** Throws `estate-unreadable` (exit 2) where these would be too many. */
  take(count: number, position: Position): void {
    this.#left -= count;
    if (this.#left >= 0) return;
    const before = MOST_RULES - this.#left - count;
    throw new HarnessError("estate-unreadable", {
      subject: describePosition(position),
      expected: `at most ${MOST_RULES} rules of the node, groups and sets written out`,
      actual: `${count} here after ${before}`,
      remedy: "Give a node with fewer rules, or with fewer uses of its groups and large sets.",
    });
  }
}

const LISTS = new WeakMap<AddressSet, Map<Family, readonly string[]>>();

/** What the set holds as lists for rules; once for all rules that name it. */
export function listsOfSet(set: AddressSet, family: Family): readonly string[] {
  const known = LISTS.get(set) ?? new Map<Family, readonly string[]>();
  LISTS.set(set, known);
  const made = known.get(family) ?? lists(cidrsOfSet(set, family));
  known.set(family, made);
  return made;
}

const COUNTS = new WeakMap<AddressSet, number>();

/** How many networks the set would be, where these are too many to be written out. */
export function excessOf(set: AddressSet): number | undefined {
  const count = COUNTS.get(set) ?? countCidrsOfSet(set);
  COUNTS.set(set, count);
  return count > MOST_NETWORKS ? count : undefined;
}

/** Why a set of so many networks has no rules in the JSON. */
export function tooMany(name: string, count: number): string {
  return `written out, ${name} would be ${count} networks, more than ${MOST_NETWORKS}`;
}

/** Proxmox's API takes no longer list. */
const LONGEST_LIST = 512;

/** The addresses as comma lists, each as long as a rule may have. */
export function lists(addressTexts: readonly string[]): readonly string[] {
  const found: string[] = [];
  for (const text of addressTexts) {
    const longer = `${found.at(-1)},${text}`;
    if (found.length > 0 && longer.length <= LONGEST_LIST) found[found.length - 1] = longer;
    else found.push(text);
  }
  return found;
}

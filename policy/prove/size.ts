import type { Estate } from "../estate.ts";
import type { Proof } from "./proof.ts";
import { placeInWords } from "./way.ts";

/** Sets of packets of a list that long may take minutes: nobody writes one by hand. */
const MOST_RULES = 1_000;

/** Why what asks every rule of a place for every packet is not decided; undefined where it can be. */
export function tooLong(estate: Estate): string | undefined {
  const sections = [{ id: "host", firewall: estate.host.firewall }, ...estate.guests];
  const long = sections.find(({ firewall }) => (firewall?.rules.length ?? 0) > MOST_RULES);
  if (!long) return undefined;
  const count = (number: number) => number.toLocaleString("en-US");
  const rules = count(long.firewall?.rules.length ?? 0);
  return `${placeInWords(estate, long.id)} has ${rules} rules, of which at most ${count(MOST_RULES)} are proved`;
}

/** Of a control that asks the rules for packets, where there are too many. */
export function undecidedProof(
  control: string,
  undecided: string,
  statement = "What packets it lets through was not asked.",
): Proof {
  return { control, statement, space: "nothing", undecided, violations: [], notes: [] };
}

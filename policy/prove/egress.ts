import type { Estate, Firewall } from "../estate.ts";
import { nodeOf } from "../proxmox/node.ts";
import { spaceOf } from "../space/node-space.ts";
import { guestById } from "./owners.ts";
import type { Proof, Violation } from "./proof.ts";
import { FAMILIES, firstPackets } from "./reach.ts";
import { tooLong } from "./size.ts";
import { placeInWords } from "./way.ts";

/** More guests than that are told by their number. */
const MOST_LISTED = 16;

/** SEG-004: a guest whose way out is closed by default leaves by declared ACCEPTs alone; the others are named. */
export function proveEgress(estate: Estate): Proof {
  const undecided = tooLong(estate);
  const closed = estate.guests.filter(({ firewall }) => firewall?.enabled && firewall.policyOut !== "ACCEPT");
  const limited = estate.guests.filter(({ firewall }) => firewall?.enabled && isLimited(firewall));
  const told = new Set([...closed, ...limited]);
  const open = estate.guests.filter((guest) => !told.has(guest));
  const names = (guests: typeof open) => {
    const listed = guests.slice(0, MOST_LISTED).map(({ id }) => placeInWords(estate, id));
    const more = guests.length > MOST_LISTED ? [`${guests.length - MOST_LISTED} more`] : [];
    return [...listed, ...more].join(", ");
  };
  return {
    control: "SEG-004",
    statement: "A guest that drops by default on the way out leaves by declared ACCEPTs alone.",
    space: `${closed.length} such guests, every first packet of IPv4 and IPv6`,
    ...(undecided !== undefined && { undecided }),
    violations: (undecided === undefined ? closed : []).flatMap(({ id }) => leaving(estate, id)),
    notes: [
      ...(limited.length > 0 ? [`open but for what a rule stops: ${names(limited)}`] : []),
      ...(open.length > 0 ? [`egress open by declaration: ${names(open)}`] : []),
    ],
  };
}

function isLimited({ policyOut, rules }: Firewall): boolean {
  return (
    policyOut === "ACCEPT" &&
    rules.some(({ type, action, enabled }) => enabled && type === "out" && action !== "ACCEPT")
  );
}

/** What leaves though no rule says so. */
function leaving(estate: Estate, id: string): readonly Violation[] {
  const space = spaceOf(nodeOf(estate));
  const [pass] = space.passes(id, "wan");
  const guest = guestById(estate, id);
  if (!pass || !guest) return [];
  const leaks = FAMILIES.flatMap((family) => {
    const openings = firstPackets(space.spaces[family]);
    return space
      .hopByDecider(pass, family)
      .filter(({ verdict, decider }) => verdict === "accept" && !["rule", "standing"].includes(decider.kind))
      .map(({ set }) => set.intersect(openings))
      .filter((set) => !set.isEmpty);
  });
  if (leaks.length === 0) return [];
  const message = `${placeInWords(estate, id)} sends what no rule lets out`;
  return [{ message, position: guest.position, remedy: "Set the default policy for its way out to DROP." }];
}

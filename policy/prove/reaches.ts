import { type Estate, guestOf } from "../estate.ts";
import { nodeOf } from "../proxmox/node.ts";
import { spaceOf } from "../space/node-space.ts";
import { flowOfPacket } from "../space/witness.ts";
import { linesOf, violationOf } from "./leak-words.ts";
import { leaksOf } from "./leaks.ts";
import type { Found, Proof } from "./proof.ts";
import { sentBy, tasteOf } from "./reach.ts";
import { SWITCH_ON } from "./remedy.ts";
import { countPairs, REQUIREMENTS, type Requirement, webOf } from "./requirement.ts";
import { tooLong, undecidedProof } from "./size.ts";
import { flowBetween, opened, placeInWords } from "./way.ts";

/** Who reaches what, for every packet: the controls that a firewall alone decides. Pure. */
export function proveReaches(estate: Estate): readonly Proof<Found>[] {
  return [...REQUIREMENTS.map((requirement) => proofOf(estate, requirement)), proveSwitchedOn(estate)];
}

/** FW-003, as far as the files go. */
function proveSwitchedOn(estate: Estate): Proof<Found> {
  const sections = [estate.host, ...estate.guests];
  const off = sections.filter(({ firewall }) => firewall?.enabled !== true);
  return {
    control: "FW-003",
    statement: "The firewall of the datacenter, the host and each guest is on.",
    space: `${sections.length} firewalls`,
    violations: off.map((each) => {
      const place = "id" in each ? each.id : "host";
      const position = each.firewall?.keys?.enabled ?? each.firewall?.position ?? each.position;
      const text = `the firewall of ${placeInWords(estate, place)} ${each.firewall ? "is off" : "is missing"}`;
      const decider = { kind: "unfiltered", chain: "", text, position } as const;
      return { message: `${text}: nothing filters its port`, position, remedy: SWITCH_ON, decider };
    }),
    notes: [],
  };
}

function proofOf(estate: Estate, requirement: Requirement): Proof<Found> {
  const { control, statement, sources = "own" } = requirement;
  const undecided = tooLong(estate);
  if (undecided !== undefined) return undecidedProof(control, undecided, statement);
  const pairs = countPairs(estate, requirement);
  const violations = leaksOf(estate, requirement).map((leak) => violationOf(estate, leak));
  const under = sources === "any" ? "any source" : "its own sources";
  return {
    control,
    statement,
    space: `${pairs} ordered ${pairs === 1 ? "pair" : "pairs"}, every first packet of IPv4 and IPv6 under ${under}`,
    violations: control === "EDGE-001" ? [...violations, ...closedWeb(estate)] : violations,
    notes: [],
  };
}

/** EDGE-001 asks for two ports that answer, from every address outside: what of them does not come in. */
function closedWeb(estate: Estate): readonly Found[] {
  const { id, address, position, firewall } = guestOf(estate, "gateway");
  const space = spaceOf(nodeOf(estate));
  const sent = sentBy(space.spaces[4], estate, "wan", "own");
  const accepted = space.accepted("wan", id, 4);
  return [...WEB].flatMap(([port, comment]): readonly Found[] => {
    const closed = sent.intersect(webOf(space.spaces[4], address, [port])).subtract(accepted);
    const packet = closed.witness(tasteOf(estate, "wan", id));
    if (!packet) return [];
    const witness = flowOfPacket(packet, "wan", id);
    return [
      {
        message: `${placeInWords(estate, id)} does not let in ${linesOf(estate, "wan", id, closed).join("; ")}`,
        position: firewall?.position ?? position,
        witness,
        ...opened(
          estate,
          { ...flowBetween(estate, "wan", id, "tcp", port), source: witness.source },
          { comment },
        ),
      },
    ];
  });
}

/** Why each of the gateway's ports is open. */
const WEB = new Map([
  [80, "Public HTTP from anywhere"],
  [443, "Public HTTPS from anywhere"],
]);

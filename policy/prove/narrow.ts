import type { Estate, Rule } from "../estate.ts";
import { describePosition } from "../position.ts";
import { ruleLine } from "../rule-line.ts";
import type { Found, Proof } from "./proof.ts";
import { placeInWords } from "./way.ts";

/** FW-004: each ACCEPT says whom it is for, for what, and why. Duplicates and the like are findings of the lint. */
export function proveNarrow(estate: Estate): Proof<Found> {
  const sections = [{ id: "host", firewall: estate.host.firewall }, ...estate.guests];
  const accepts = sections.flatMap(({ id, firewall }) =>
    (firewall?.rules ?? [])
      .filter(({ enabled, action }) => enabled && action === "ACCEPT")
      .map((rule) => ({ id, rule })),
  );
  const wide = accepts.filter(({ rule }) => missingIn(rule).length > 0);
  const [unlisted] = wide.slice(MOST_LISTED);
  return {
    control: "FW-004",
    statement: "Each ACCEPT has a source or destination, a protocol, its port or ICMP type, and a comment.",
    space: `${accepts.length} ACCEPTs`,
    violations: wide.slice(0, MOST_LISTED).map(({ id, rule }): Found => {
      const { position } = rule;
      const lacks = missingIn(rule);
      const message = `"${ruleLine(rule)}" of ${placeInWords(estate, id)} has no ${lacks.join(", no ")}`;
      const decider = { kind: "rule", chain: "", position, text: ruleLine(rule) } as const;
      // Why it is there its author alone can say.
      const isClosable = lacks.some((each) => each !== "comment");
      return { message, position, remedy: REMEDY, ...(isClosable && { decider }) };
    }),
    notes: unlisted
      ? [`${wide.length - MOST_LISTED} more like them, from ${describePosition(unlisted.rule.position)} on`]
      : [],
  };
}

const REMEDY = "Say whom it is for, for what, and why.";
const MOST_LISTED = 1_000;

const WITH_PORTS = new Set(["tcp", "udp", "6", "17"]);

function missingIn({ source, dest, proto, port, sport, icmpType, macro, comment }: Rule): string[] {
  const isMacro = macro !== undefined;
  const isIcmp = proto === "icmp" || proto === "1";
  return [
    ...(source === undefined && dest === undefined ? ["source or destination"] : []),
    ...(proto === undefined && !isMacro ? ["protocol"] : []),
    ...(WITH_PORTS.has(proto ?? "") && port === undefined && sport === undefined && !isMacro ? ["port"] : []),
    ...(isIcmp && icmpType === undefined && port === undefined ? ["ICMP type"] : []),
    ...(comment === undefined || comment.trim() === "" ? ["comment"] : []),
  ];
}

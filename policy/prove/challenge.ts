import { decide } from "../decide.ts";
import { type Estate, type Guest, guestOf, type Rule } from "../estate.ts";
import { ruleLine } from "../rule-line.ts";
import type { Proof, Violation } from "./proof.ts";
import { flowBetween, placeInWords } from "./way.ts";

/** A rule for a validator by http-01 (RFC 8555 section 8.3): from Step-CA to port 80. */
interface ChallengeRule {
  readonly guest: Guest;
  readonly rule: Rule;
  /** The rule's other ports. */
  readonly others: string;
}

/** PKI-003: no rule lets Step-CA validate by a challenge that it does not offer. */
export function proveChallenges(estate: Estate): Proof {
  const rules = challengeRules(estate);
  return {
    control: "PKI-003",
    statement: "No rule serves Step-CA's validation by http-01, a challenge that is not offered.",
    space: `the rules of ${estate.guests.length} guests that name Step-CA's address and tcp port 80`,
    violations: rules.map((each) => violationOf(estate, each)),
    notes: [],
  };
}

/** In force: inbound at a guest from Step-CA's own address, or outbound at Step-CA. */
export function challengeRules(estate: Estate): readonly ChallengeRule[] {
  const ca = guestOf(estate, "ca");
  return estate.guests.flatMap((guest) =>
    (guest.firewall?.rules ?? [])
      .filter((rule) => rule.enabled && rule.action === "ACCEPT" && rule.proto === "tcp")
      .filter(({ type, source }) => (type === "in" ? source?.split(",").includes(ca.address) : guest === ca))
      .flatMap((rule) => {
        const ports = rule.port?.split(",") ?? [];
        const others = ports.filter((port) => port !== "80" && port !== "http").join(",");
        return ports.length > 0 && others !== rule.port ? [{ guest, rule, others }] : [];
      }),
  );
}

function violationOf(estate: Estate, challenge: ChallengeRule): Violation {
  const { guest, rule } = challenge;
  const message = `${ruleLine(rule)} of ${placeInWords(estate, guest.id)} serves http-01, but Step-CA validates by TLS-ALPN-01 alone, on port 443`;
  return { message, position: rule.position, ...acmeRuleFor(estate, challenge) };
}

/** The rule as TLS-ALPN-01 needs it: on port 443 at Traefik where that is closed, else without port 80. */
export function acmeRuleFor(
  estate: Estate,
  { guest, rule, others }: ChallengeRule,
): Required<Pick<Violation, "remedy" | "patch">> {
  const mesh = guestOf(estate, "mesh").id;
  const { file, pointer } = rule.position;
  const isClosed =
    decide(estate, flowBetween(estate, guestOf(estate, "ca").id, mesh, "tcp", 443)).verdict !== "accept";
  const ports = isClosed && guest.id === mesh ? [others, "443"].filter(Boolean).join(",") : others;
  if (ports === "") return { remedy: "Delete it.", patch: [{ file, op: "remove", path: pointer }] };
  const remedy = `Make its port ${ports}.`;
  return { remedy, patch: [{ file, op: "replace", path: `${pointer}/port`, value: ports }] };
}

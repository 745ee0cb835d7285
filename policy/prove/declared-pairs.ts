import type { Estate, Rule } from "../estate.ts";
import type { Flow, Place } from "../flow.ts";
import { ruleLine } from "../rule-line.ts";
import { servicePort } from "../services.ts";
import { addressAt, ownerOf } from "./owners.ts";
import { acmeRuleFor, challengeRules } from "./challenge.ts";
import type { Found, Mending, Proof } from "./proof.ts";
import { forbidding } from "./requirement.ts";
import { closedWay, flowBetween, placeInWords } from "./way.ts";

/** What an ACCEPT promises: a packet that it names from end to end. */
interface Promised {
  readonly place: Place;
  readonly rule: Rule;
  readonly flow: Flow;
}

/** SEG-002: what an ACCEPT of one end promises, no rule before it and no rule of the other end takes away. */
export function proveDeclaredPairs(estate: Estate): Proof<Found> {
  const promised = promises(estate);
  return {
    control: "SEG-002",
    statement:
      "Each ACCEPT of tcp or udp between two named places lets its first port through, from end to end.",
    space: `${promised.length} flows, one for each such rule and pair of places`,
    violations: promised.flatMap((each) => broken(estate, each) ?? []),
    notes: [],
  };
}

function promises(estate: Estate): readonly Promised[] {
  const { host, guests } = estate;
  const places = [{ id: "host", address: host.address, firewall: host.firewall }, ...guests];
  return places.flatMap(({ id: place, address, firewall }) =>
    (firewall?.rules ?? []).flatMap((rule) => {
      const { type, enabled, action, source, dest } = rule;
      const [own, other] = type === "in" ? [dest, source] : [source, dest];
      const proto = protoOf(rule);
      const port = firstPort(rule.port);
      const isOwn = own === undefined || own.split(",").includes(address);
      if (!enabled || action !== "ACCEPT" || !isOwn || !proto || port === undefined) return [];
      const peers = (other?.split(",") ?? []).flatMap((each) => ownerOf(estate, each) ?? []);
      return peers
        .filter((peer) => peer !== place)
        .map((peer) => {
          const [from, to] = type === "in" ? [peer, place] : [place, peer];
          return { place, rule, flow: flowBetween(estate, from, to, proto, port) };
        });
    }),
  );
}

function protoOf({ proto, sport, iface }: Rule): "tcp" | "udp" | undefined {
  return (proto === "tcp" || proto === "udp") && sport === undefined && iface === undefined
    ? proto
    : undefined;
}

function firstPort(port: string | undefined): number | undefined {
  const [first = ""] = port?.split(/[,:]/) ?? [];
  return /^\d+$/.test(first) ? Number(first) : servicePort(first);
}

/** The rule that promises is the place: the reader believes it. */
function broken(estate: Estate, promised: Promised): Found | undefined {
  const { place, rule, flow } = promised;
  const own = rule.comment?.trim();
  const [from, to] = [flow.from, flow.to].map((each) => placeInWords(estate, each));
  const closed = closedWay(estate, {
    flow,
    loss: `${ruleLine(rule)} of ${placeInWords(estate, place)} promises in vain`,
    comment: own === undefined || own === "" ? `${from} asks ${to}` : own,
  });
  if (!closed) return undefined;
  const { position } = rule;
  const challenge = challengeRules(estate).find((each) => each.rule === rule);
  if (challenge) return { ...withoutRemedy(closed), position, ...acmeRuleFor(estate, challenge) };
  const control = forbidding(estate, flow);
  if (control === undefined) return { ...closed, position };
  return { ...withoutRemedy(closed), position, ...withdrawn(estate, promised, control) };
}

function withoutRemedy({ remedy: _remedy, patch: _patch, instead: _instead, ...rest }: Found) {
  return rest;
}

/** Of a rule that promises what a control forbids: without that address or port, or nothing of it. */
function withdrawn(estate: Estate, { place, rule, flow }: Promised, control: string): Mending {
  const { file, pointer } = rule.position;
  const key = rule.type === "in" ? "source" : "dest";
  const peer = addressAt(estate, flow.from === place ? flow.to : flow.from);
  const peers = rule[key]?.split(",") ?? [];
  const [first, ...ports] = rule.port?.split(",") ?? [];
  const words = `${control} forbids what it promises`;
  const without = (name: string, value: string, left: readonly string[]): Mending => ({
    remedy: `Take ${value} out of its ${name}: ${words}.`,
    patch: [{ file, op: "replace", path: `${pointer}/${name}`, value: left.join(",") }],
  });
  if (peers.length > 1)
    return without(
      key,
      peer,
      peers.filter((each) => each !== peer),
    );
  if (ports.length > 0) return without("port", first ?? "", ports);
  return { remedy: `Remove the rule: ${words}.`, patch: [{ file, op: "remove", path: pointer }] };
}

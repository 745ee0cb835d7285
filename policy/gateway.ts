import { formatCidr, parseIpv4, rangeOf } from "./address.ts";
import type { MatchLine, Ruling } from "./chain.ts";
import type { Policy } from "./estate.ts";
import type { Family, IpSpan } from "./ip.ts";
import type { Model } from "./model.ts";
import { type Pass, passOf } from "./passes.ts";

const OWN_ADDRESS = "the source is the gateway's own address: a martian";
const RIGHT = "the source's reverse path is right";

/** The gateway's strict reverse path filter: from beyond it no address of the subnet may come, nor one of no network. */
export function fromWan(model: Model): Pass {
  const local = `reverse path: a source of ${formatCidr(model.subnet)} came from outside`;
  const lines = [
    ...ownAddress(model),
    gatewayLine([localSpan(model)], "DROP", local),
    gatewayLine(MARTIANS, "DROP", "a source that no network has: a martian"),
  ];
  return gatewayPass(model, "from beyond the gateway", lines, ruling("accept", RIGHT));
}

/** The same filter on the way out: only addresses of the subnet come from inside. */
export function toWan(model: Model): Pass {
  const foreign = `reverse path: a source outside ${formatCidr(model.subnet)} came from inside`;
  const lines = [...ownAddress(model), gatewayLine([localSpan(model)], "ACCEPT", RIGHT)];
  return gatewayPass(model, "out through the gateway", lines, ruling("drop", foreign));
}

function ownAddress({ node }: Model): readonly MatchLine[] {
  const gateway = parseIpv4(node.host.gateway ?? "");
  return gateway === undefined ? [] : [gatewayLine([span(gateway)], "DROP", OWN_ADDRESS)];
}

function gatewayPass(model: Model, where: string, lines: readonly MatchLine[], last: Ruling): Pass {
  const asks = (family: Family) => [{ lines: lines.flatMap((line) => ofFamily(line, family) ?? []) }];
  return passOf(model, { hook: "GATEWAY", where, device: "", asks, otherwise: () => last });
}

/** The line with its sources of one family; none where it has no such. */
function ofFamily(line: MatchLine, family: Family): MatchLine | undefined {
  const sources = line.match.sources?.filter((source) => source.family === family) ?? [];
  return sources.length > 0 ? { ...line, match: { sources } } : undefined;
}

function gatewayLine(sources: readonly IpSpan[], action: Policy, text: string): MatchLine {
  return { kind: "match", match: { sources }, action, decider: deciderOf(text) };
}

function ruling(verdict: "accept" | "drop", text: string): Ruling {
  return { verdict, decider: deciderOf(text) };
}

function deciderOf(text: string) {
  return { kind: "gateway", chain: "gateway reverse path", text } as const;
}

function localSpan({ subnet }: Model): IpSpan {
  return { family: 4, ...rangeOf(subnet) };
}

function span(first: number, last = first): IpSpan {
  return { family: 4, first, last };
}

/** The all-zero address, loopback, multicast and reserved: never a source on a wire. */
const MARTIANS: readonly IpSpan[] = [
  span(0),
  span(0x7f000000, 0x7fffffff),
  span(0xe0000000, 0xefffffff),
  span(0xffffffff),
  { family: 6, first: 0n, last: 1n },
  { family: 6, first: 0xff00n << 112n, last: (1n << 128n) - 1n },
];

import { sweep as sample } from "../audit/sweep.ts";
import type { HarnessError } from "../errors.ts";
import type { Estate } from "../policy/estate.ts";
import { type Family, parseIp } from "../policy/ip.ts";
import { flagBits } from "../policy/packet.ts";
import { addressOf, places } from "../policy/place.ts";
import { nodeOf } from "../policy/proxmox/node.ts";
import { foldFlowKeys } from "../probes/flow-key.ts";
import type { PacketProbe } from "../probes/probe.ts";
import { usage } from "./arguments.ts";
import { macAddress, portNumber, tcpFlags } from "./flow-arguments.ts";
import { ip6Of } from "../policy/ip6.ts";
import { havePorts, keysOf, type KeyValues } from "./sweep-keys.ts";
import { describeVantage, type Vantage, vantageOf, vantagesOfEstate } from "./vantage.ts";

const TEXT = { type: "string" } as const;
const YES = { type: "boolean" } as const;

/** The flags that say what is swept, for node:util's parseArgs. */
export const SWEEP_OPTIONS = {
  from: TEXT,
  to: TEXT,
  all: YES,
  sample: YES,
  ports: TEXT,
  proto: TEXT,
  source: TEXT,
  ipv6: YES,
  sport: TEXT,
  flags: TEXT,
  mac: TEXT,
} as const;

export interface SweepValues extends KeyValues {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly all?: boolean | undefined;
  readonly sample?: boolean | undefined;
  readonly source?: string | undefined;
  readonly ipv6?: boolean | undefined;
  readonly sport?: string | undefined;
  readonly mac?: string | undefined;
}

/** One ordered pair and the flows that are asked of it. */
export type SweepPair = Omit<PacketProbe, "kind">;

/** Throws `usage` for flags that exclude each other or say nothing, before any file is read. */
export function requireSense(values: SweepValues): void {
  const { from, to, all, sample: isSample, ports, proto, source, mac } = values;
  if (all && (from ?? to ?? source ?? mac) !== undefined)
    throw wrong(
      "--all alone: it is every pair, each with its own addresses",
      "--from, --to, --source or --mac too",
    );
  if (!all && (from === undefined || to === undefined))
    throw wrong("--from PLACE --to PLACE, or --all", from === undefined ? "no --from" : "no --to");
  if (isSample && (ports ?? proto ?? values.flags ?? values.sport) !== undefined)
    throw wrong(
      "--sample alone: it has ports and protocols of its own",
      "--ports, --proto, --flags or --sport too",
    );
  const family = familyOf(values);
  if (isSample && family === 6)
    throw wrong("--sample over IPv4: classes are those of declared addresses", "IPv6");
  const keys = keysOf(values, family);
  const { sport } = chosenOf(values);
  if (sport !== undefined && !havePorts(keys)) throw wrong("--sport only with ports", `--proto ${proto}`);
}

/** The pairs that the flags ask for, each with its flows. @throws HarnessError (usage) */
export function pairsOf(estate: Estate, values: SweepValues): SweepPair[] {
  const family = familyOf(values);
  const full = keysOf(values, family);
  const ownOf = (id: string) => (family === 4 ? addressOf(estate, id) : ip6Of(estate, id));
  const pair = (from: string, to: string): SweepPair => {
    const own = ownOf(from);
    const [source, dest] = [values.source ?? own, ownOf(to)];
    if (source === undefined || dest === undefined || own === undefined)
      throw wrong(
        "two places with IPv6: no file says how it would come in from the internet",
        `${from} and ${to}`,
      );
    const keys = values.sample ? foldFlowKeys(sample(estate, from, to).keys) : full;
    const id = `sweep ${from} > ${to}`;
    return { id, from, to, source, dest, forged: source !== own, keys, ...chosenOf(values) };
  };
  if (values.all) {
    const all = allPairs(estate).filter(([from]) => ownOf(from) !== undefined);
    return all.map(([from, to]) => pair(from, to));
  }
  const all = vantagesOfEstate(estate, nodeOf(estate));
  const from = vantageOf("sweep", all, "--from", values.from ?? "");
  const to = destinationOf(all, values.to ?? "");
  if (from.id === to.id) throw wrong("--from and --to to be two places", `${from.id} and ${to.id}`);
  if (values.mac !== undefined && from.id === "host")
    throw wrong("--mac from any place but the host, which sends from its own", `--mac ${values.mac}`);
  return [pair(from.id, to.id)];
}

/** What a packet has beside its addresses, where it is not as an ordinary first packet's. */
function chosenOf({ sport, flags, mac }: SweepValues): Pick<SweepPair, "sport" | "flags" | "sourceMac"> {
  return {
    ...(sport === undefined ? {} : { sport: portNumber("sweep", "--sport", sport) }),
    ...(flags === undefined ? {} : { flags: flagBits(tcpFlags("sweep", flags)) }),
    ...(mac === undefined ? {} : { sourceMac: macAddress("sweep", mac) }),
  };
}

/** That of the source, where one is given. */
function familyOf({ source, ipv6 }: SweepValues): Family {
  const given = source === undefined ? undefined : parseIp(source)?.family;
  if (source !== undefined && given === undefined)
    throw wrong("--source to be an IPv4 or IPv6 address", source);
  if (ipv6 && given === 4) throw wrong("--source to be an IPv6 address, with --ipv6", String(source));
  return ipv6 ? 6 : (given ?? 4);
}

function allPairs(estate: Estate): [string, string][] {
  const all = places(estate);
  const destinations = all.filter(({ destination }) => destination);
  return destinations.flatMap(({ id: to }) =>
    all.filter(({ id }) => id !== to).map(({ id: from }): [string, string] => [from, to]),
  );
}

/** Packets end inside the lab, always: what stands for the world outside is no destination. */
function destinationOf(all: readonly Vantage[], word: string): Vantage {
  const inside = all.filter(({ id }) => id !== "wan");
  const [wan] = all.filter(({ id }) => id === "wan");
  const isOutside = parseIp(word)
    ? !inside.some(({ addresses }) => addresses.includes(word))
    : [wan?.id, wan?.name].includes(word.toLowerCase());
  if (!isOutside) return vantageOf("sweep", inside, "--to", word);
  const listed = inside.map(describeVantage).join(", ");
  throw wrong(`--to to be inside the lab, one of ${listed}`, `${word}, which is outside`);
}

function wrong(expected: string, actual: string): HarnessError {
  return usage("sweep", expected, actual);
}

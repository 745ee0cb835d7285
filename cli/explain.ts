import { decide } from "../policy/decide.ts";
import type { Estate } from "../policy/estate.ts";
import { explainDecision } from "../policy/explain.ts";
import type { Flow } from "../policy/flow.ts";
import { places, type Vantage } from "../policy/place.ts";
import { readEstate } from "../policy/read.ts";
import { parseArguments, usage } from "./arguments.ts";
import { REFERENCE_FOLDER } from "./labs.ts";

export const help = `usage: phx explain [DIR] --from PLACE --to PLACE [--proto PROTO] [--port PORT] [--sport PORT] [--json]

Says what the files make of one packet, and which lines decide it, hop by hop, each with its place in the files and the
iptables chain that counts it. Sends nothing, needs no lab and no root. Exit 0 whatever the verdict.

  DIR            folder with the Phoenix files (default: the reference estate)

flags:
  --from PLACE   wan (an internet user), lan (a plain device of the LAN), host, or a guest: its id, name or address
  --to PLACE     likewise
  --proto PROTO  tcp (default), udp, icmp, or a protocol's number
  --port PORT    destination port of tcp and udp
  --sport PORT   source port (default: an ordinary client's)
  --json         the flow and the decision as JSON
  --help         this text

example:
  phx explain my-estate --from wan --to 101 --proto tcp --port 8080
`;

const EXPECTED = "[DIR] --from PLACE --to PLACE [--proto PROTO] [--port PORT] [--sport PORT] [--json]";
const TEXT = { type: "string" } as const;
const OPTIONS = {
  from: TEXT,
  to: TEXT,
  proto: TEXT,
  port: TEXT,
  sport: TEXT,
  json: { type: "boolean" },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments("explain", EXPECTED, { args, options: OPTIONS }, 1);
  const estate = readEstate(positionals[0] ?? REFERENCE_FOLDER);
  const [from, to] = [placeOf(estate, "--from", values.from), placeOf(estate, "--to", values.to)];
  const flow: Flow = {
    from: from.id,
    to: to.id,
    source: from.address,
    dest: to.address,
    ...portsOf(values.proto ?? "tcp", values.port, values.sport),
  };
  const decision = decide(estate, flow);
  if (values.json) console.log(JSON.stringify({ flow, decision }, null, 2));
  else console.log(`${describe(flow, from, to)}\n${explainDecision(decision)}`);
  return 0;
}

/** A place by its id, or else by its name or address, upper or lower case. */
function placeOf(estate: Estate, flag: string, word: string | undefined): Vantage {
  if (word === undefined) throw wrong(`${flag} PLACE`, "none");
  const all = places(estate);
  const same = (text: string) => text.toLowerCase() === word.toLowerCase();
  const byId = all.filter(({ id }) => same(id));
  const found = byId.length > 0 ? byId : all.filter(({ name, address }) => same(name) || same(address));
  const [only, other] = found;
  if (other) throw wrong(`${flag} to name one place`, `${word}: ${found.map(({ id }) => id).join(", ")}`);
  if (only) return only;
  const known = all.map(({ id, name, address }) => `${id} (${name}, ${address})`).join(", ");
  throw wrong(`${flag} to be one of ${known}`, word);
}

function portsOf(
  proto: string,
  port: string | undefined,
  sport: string | undefined,
): Pick<Flow, "proto" | "dport" | "sport"> {
  const hasPorts = proto === "tcp" || proto === "udp";
  if (!hasPorts && (port ?? sport) !== undefined)
    throw wrong("a port only with tcp or udp", `--proto ${proto}`);
  if (!hasPorts)
    return { proto: proto === "icmp" ? proto : numberOf("--proto", "tcp, udp, icmp or", proto, 255) };
  if (port === undefined) throw wrong(`--port PORT with ${proto}`, "none");
  const from = sport === undefined ? {} : { sport: numberOf("--sport", "", sport, 65_535) };
  return { proto, dport: numberOf("--port", "", port, 65_535), ...from };
}

function numberOf(flag: string, words: string, text: string, most: number): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= most) return Number(text);
  throw wrong([flag, "to be", words, `a number from 0 to ${most}`].filter(Boolean).join(" "), text);
}

function wrong(expected: string, actual: string) {
  return usage("explain", expected, actual);
}

function describe({ proto, dport }: Flow, from: Vantage, to: Vantage): string {
  const name = (place: Vantage) => `${place.id} (${place.name}, ${place.address})`;
  const what = typeof proto === "number" ? `protocol ${proto}` : proto;
  return `${what}${dport === undefined ? "" : ` to port ${dport}`}, from ${name(from)} to ${name(to)}`;
}

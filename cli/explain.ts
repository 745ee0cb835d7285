import { EXIT } from "../errors.ts";
import { decideOn } from "../policy/decide.ts";
import type { Note } from "../policy/estate.ts";
import { explainDecision } from "../policy/explain.ts";
import type { Flow } from "../policy/flow.ts";
import { describePosition } from "../policy/position.ts";
import { type FolderDeclaration, readDeclaration } from "../policy/read.ts";
import { asciiJson } from "../reports/ascii-json.ts";
import { shown } from "../reports/text.ts";
import { parseArguments, usage } from "./arguments.ts";
import { explainPair, explainSetJson, explainSetText } from "./explain-set.ts";
import { FLOW_OPTIONS, flowOf } from "./flow-arguments.ts";
import { REFERENCE_FOLDER } from "./labs.ts";
import { concerns, describeVantage, type Vantage, vantageOf, vantagesOf } from "./vantage.ts";

export const help = `usage: phx explain [DIR] --from PLACE --to PLACE [--proto PROTO] [--port PORT] [flags]
       phx explain [DIR] --set --from PLACE --to PLACE

Says what the files make of one packet, and which lines decide it, hop by hop, each with its place in the files and the
iptables chain that counts it. With --set all that gets through between the two: for each course of lines, hop by hop, the
first packets of flows under the sender's own source and those under a forged one, with an example; the lines that stop all
else; and the same of packets of flows that stand already. Sends nothing, needs no lab and no root. Exit 0 whatever the
verdict, 4 where --set meets more rules than can be worked out.

  DIR               folder with the Phoenix files, or with Proxmox's .fw files (default: the reference estate)

flags:
  --from PLACE      wan (an internet user behind the gateway), outside (the same without a gateway), lan (a plain device
                    of the LAN), host, or a guest: its id, name, address or device; 100i1 is the net1 of guest 100
  --to PLACE        likewise
  --set             every packet that opens a flow and gets through, instead of one packet
  --proto PROTO     tcp (default), udp, icmp, icmpv6, another name of /etc/protocols (gre, esp, sctp), or a number
  --port PORT       destination port, a number or a service's name; required where the protocol has ports
  --sport PORT      source port (default: an ordinary client's)
  --icmp-type TYPE  TYPE, TYPE/CODE or a name (default: echo-request)
  --source ADDRESS  IPv4 or IPv6 (default: the sender's own, else it is forged)
  --dest ADDRESS    likewise (default: the receiver's own)
  --state STATE     conntrack's word: NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED (default: a first packet's)
  --flags LIST      TCP flags, e.g. SYN,ACK, or none (default: SYN)
  --mac MAC         source MAC (default: the sending NIC's)
  --node NAME       which node of a cluster's /etc/pve
  --json            the flow and the decision as JSON
  --help            this text

examples:
  phx explain my-estate --from wan --to 101 --proto tcp --port 8080
  phx explain my-estate --from grafana --to traefik --port https --source 10.0.0.10
  phx explain my-estate --set --from wan --to 101
`;

const EXPECTED = "[DIR] --from PLACE --to PLACE [--proto PROTO] [--port PORT] [flags]";
const TEXT = { type: "string" } as const;
const SWITCH = { type: "boolean" } as const;
const OPTIONS = { from: TEXT, to: TEXT, ...FLOW_OPTIONS, set: SWITCH, node: TEXT, json: SWITCH } as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments("explain", EXPECTED, { args, options: OPTIONS }, 1);
  const declaration = readDeclaration(positionals[0] ?? REFERENCE_FOLDER, values.node);
  if (values.node !== undefined && declaration.kind === "phoenix")
    throw usage("explain", "--node only with Proxmox's files", "Phoenix files");
  const all = vantagesOf(declaration);
  const [from, to] = [end(all, "--from", values.from), end(all, "--to", values.to)];
  if (values.set) {
    const odd = Object.keys(FLOW_OPTIONS).find((name) => Object.hasOwn(values, name));
    if (odd !== undefined)
      throw usage("explain", "--set without a flag that describes one packet", `--${odd}`);
    return printSet(declaration, from, to, values.json === true);
  }
  const flow = flowOf(values, from, to);
  const decision = decideOn(declaration.node, flow);
  const assumed = assumedOf(declaration, from, to);
  if (values.json) console.log(asciiJson({ flow, decision, assumed }));
  else
    printLines([
      describe(flow, values.proto, from, to),
      ...explainDecision(decision).split("\n"),
      ...assumed.map(words),
    ]);
  return 0;
}

/** Exit 4 where the pair has too many rules to be worked out. */
function printSet(declaration: FolderDeclaration, from: Vantage, to: Vantage, isJson: boolean): number {
  const pair = explainPair(declaration, from, to);
  const assumed = assumedOf(declaration, from, to);
  if (isJson) console.log(asciiJson({ ...explainSetJson(pair), assumed }));
  else printLines([...explainSetText(pair), ...assumed.map(words)]);
  return pair.explained ? EXIT.conformant : EXIT.inconclusive;
}

function printLines(lines: readonly string[]): void {
  console.log(lines.map((line) => shown(line, Number.POSITIVE_INFINITY)).join("\n"));
}

function end(all: readonly Vantage[], flag: string, word: string | undefined): Vantage {
  if (word === undefined) throw usage("explain", `${flag} PLACE`, "none");
  return vantageOf("explain", all, flag, word);
}

/** What is not in Proxmox's files and was assumed of the two ends. */
function assumedOf(declaration: FolderDeclaration, from: Vantage, to: Vantage): readonly Note[] {
  if (declaration.kind === "phoenix") return [];
  const { notes, assumedHost } = declaration;
  return notes.filter((note) => note === assumedHost || concerns(from, to, note.position));
}

function words({ message, position }: Note): string {
  return `note: ${message} (${describePosition(position)})`;
}

/** `tcp to port 443, from wan (...) to 101 (...)`, then what is not as a first packet between them has it. */
function describe(flow: Flow, asked: string | undefined, from: Vantage, to: Vantage): string {
  const { proto, dport, sport, icmpType, icmpCode, source, dest, state, flags, sourceMac } = flow;
  const named = typeof proto === "string" || /^\D/.test(asked ?? "");
  const what = named ? (asked ?? String(proto)).toLowerCase() : `protocol ${proto}`;
  const odd = [
    ...(sport === undefined ? [] : [`from port ${sport}`]),
    ...(icmpType === undefined ? [] : [`type ${icmpType}, code ${icmpCode ?? 0}`]),
    ...(source === from.addresses[0] ? [] : [`source ${source}`]),
    ...(dest === to.addresses[0] ? [] : [`dest ${dest}`]),
    ...(state === undefined ? [] : [`state ${state}`]),
    ...(flags === undefined ? [] : [`flags ${flags.join(",") || "none"}`]),
    ...(sourceMac === undefined ? [] : [`source MAC ${sourceMac}`]),
  ];
  const path = `from ${describeVantage(from)} to ${describeVantage(to)}`;
  return `${what}${dport === undefined ? "" : ` to port ${dport}`}, ${path}${odd.length > 0 ? `; ${odd.join("; ")}` : ""}`;
}

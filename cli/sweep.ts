import { countFlows } from "../probes/flow-key.ts";
import { tellAside } from "./aside.ts";
import { parseArguments } from "./arguments.ts";
import { Meter } from "./progress.ts";
import { setupNetwork } from "./setup.ts";
import { pairsOf, requireSense, SWEEP_OPTIONS, type SweepPair } from "./sweep-arguments.ts";
import { makeEvidenceFolder } from "./sweep-evidence.ts";
import { needsNode6, openIp6, refuseNode6 } from "./sweep-ip6.ts";
import { type SweepLab, subjectOf, takeLab } from "./sweep-lab.ts";
import { Sweeper } from "./sweep-pair.ts";
import { type PairResult, sweepResult } from "./sweep-result.ts";
import { askedText, pairText, verdictText } from "./sweep-text.ts";

export const help = `usage: phx sweep [LAB|DIR] --from PLACE --to PLACE [flags]
       phx sweep [LAB|DIR] --all [--sample] [flags]

Sends a packet to every TCP and UDP port, of every ICMP type and of every other IP protocol, says what became of each with the counts that prove it, and holds that against the model's decision, port by port. Nothing is concluded
from silence: what is not accounted for is unknown. Needs root. Ctrl-C or SIGTERM ends it early with what was asked so far.

  LAB|DIR           a standing lab, or a folder with Phoenix files: where no lab of it stands, its network without servers
                    is built for the sweep and destroyed after (default: the only lab left standing, else the reference
                    estate)

flags:
  --from PLACE      wan, lan, host, or a guest: its id, name, address or device
  --to PLACE        host, lan or a guest; wan is outside, and refused
  --all             every ordered pair: from each place to the host and each guest
  --sample          only representatives: of each class of ports that the files tell apart both ends and one within, and
                    the ports that they or the usual mistakes name
  --ports LIST      1-1024,8006
  --proto LIST      tcp, udp, sctp, dccp, udplite, icmp, ip (all protocols without ports or types, and one packet to port
                    0 of sctp, dccp and udplite each), another name or number (default: tcp,udp,icmp,ip; with --ports
                    tcp,udp)
  --source ADDRESS  forged where it is not the sender's own; of IPv6 as with --ipv6. No packet leaves the lab
  --ipv6            between addresses of IPv6 that are made up for the sweep, since the files declare none: 2001:db8:: with
                    the declared one at its end. What rules without addresses let in is let in there too. Without wan
  --sport PORT      source port (default: one that no server uses)
  --flags LIST      TCP flags, e.g. SYN,ACK, or none (default: SYN)
  --mac MAC         source MAC (default: the sending NIC's)
  --evidence DIR    of what differs the frames of one flow, as they passed each device: a .pcap file each
  --json            the whole result as JSON
  --help            this text

exit status: 0 live is what the model says, 1 it differs, 2 bad input, 3 harness or environment fault, 4 something could
not be told or was not asked

examples:
  sudo phx sweep my-estate --from wan --to 101
  sudo phx sweep --from 801 --to host --ports 1-1024,8006 --proto tcp --json
`;

const EXPECTED = "[LAB|DIR] --from PLACE --to PLACE [flags], or [LAB|DIR] --all [flags]";
const OPTIONS = { ...SWEEP_OPTIONS, evidence: { type: "string" }, json: { type: "boolean" } } as const;

export async function run(args: string[]): Promise<number> {
  const startedAt = new Date();
  const { values, positionals } = parseArguments("sweep", EXPECTED, { args, options: OPTIONS }, 1);
  requireSense(values);
  const subject = subjectOf(positionals[0]);
  const pairs = pairsOf(subject.estate, values);
  if (subject.standing && needsNode6(pairs)) refuseNode6(subject.standing);
  await setupNetwork();
  const evidence = values.evidence === undefined ? undefined : makeEvidenceFolder(values.evidence);
  const interrupted = new AbortController();
  await using taken = await takeLab(subject, tellAside);
  if (needsNode6(pairs)) await openIp6(taken.lab, subject.estate);
  using _handler = onInterrupt(() => interrupted.abort());
  const wanted = pairs.reduce((sum, { keys }) => sum + countFlows(keys), 0);
  const meter = new Meter("sweep", wanted, "packets");
  const onPair = (pair: PairResult) => {
    if (values.json) meter.say(askedText(pair));
    else console.log(pairText(pair));
  };
  using sweeper = new Sweeper(taken.lab, subject.estate, interrupted.signal, evidence);
  const results = await sweepAll(pairs, sweeper, interrupted.signal, meter, onPair);
  const known = {
    lab: { name: taken.lab.name, standing: taken.isStanding },
    estate: subject.estate.folder,
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
  };
  const result = sweepResult(known, results, wanted);
  console.log(values.json ? JSON.stringify(result, null, 2) : `${labText(taken)}, ${verdictText(result)}`);
  return result.exit;
}

async function sweepAll(
  pairs: readonly SweepPair[],
  sweeper: Sweeper,
  interrupted: AbortSignal,
  meter: Meter,
  onPair: (pair: PairResult) => void,
): Promise<PairResult[]> {
  const results: PairResult[] = [];
  for (const pair of pairs) {
    if (interrupted.aborted) break;
    meter.label(`${pair.from} > ${pair.to}`);
    const result = await sweeper.sweep(pair, (flows) => meter.add(flows));
    meter.clear();
    onPair(result);
    results.push(result);
  }
  return results;
}

function labText({ lab, isStanding }: SweepLab): string {
  return isStanding ? `lab ${lab.name}` : "a lab built for the sweep";
}

const STOPPING = ["SIGINT", "SIGTERM"] as const;

/** Ctrl-C or SIGTERM once, or nobody left who reads: the sweep ends with what it has. A second signal: at once. */
function onInterrupt(stop: () => void): Disposable {
  const others = new Map(STOPPING.map((signal) => [signal, process.listeners(signal)]));
  const restore = () => {
    process.stdout.off("error", stop);
    for (const [signal, listeners] of others) {
      process.removeAllListeners(signal);
      for (const other of listeners) process.once(signal, other);
    }
  };
  const once = () => {
    restore();
    stop();
  };
  process.stdout.once("error", stop);
  for (const signal of STOPPING) {
    process.removeAllListeners(signal);
    process.once(signal, once);
  }
  return { [Symbol.dispose]: restore };
}

import { compileFirewall } from "../converge/firewall.ts";
import { nodeNetwork } from "../converge/node-links.ts";
import { HarnessError } from "../errors.ts";
import type { CountedRule } from "../lab/filter-counters.ts";
import { isRefusal } from "../lab/netfilter.ts";
import type { Flow } from "../policy/flow.ts";
import { EPHEMERAL_PORT } from "../policy/packet.ts";
import type { Node } from "../policy/proxmox/node.ts";
import type { ReadVector, Worlds } from "../policy/vector-file.ts";
import type { FlowKey } from "../probes/flow-key.ts";
import { Rig } from "../probes/rig.ts";
import type { RigOutcome, RigPacket } from "../probes/rig-round.ts";

/** What the kernel did with one packet; where it was asked for, the lines that counted the packet. */
export type Seen = RigOutcome & { readonly path?: readonly CountedRule[] };

/** Whether an outcome is what is hoped for; of what is not the path is asked. */
export type IsExpected = (outcome: RigOutcome, index: number) => boolean;

/** How long each phase took so far. */
export interface LiveTimings {
  worldMs: number;
  compileMs: number;
  loadMs: number;
  sendMs: number;
}

/** The kernel's word on vectors: a rig for each of their worlds, as it is first needed. */
export class Live implements AsyncDisposable {
  readonly timings: LiveTimings = { worldMs: 0, compileMs: 0, loadMs: 0, sendMs: 0 };
  readonly #rigs = new Map<string, Rig>();
  readonly #worlds: Worlds;
  readonly #name: string;

  constructor(name: string, worlds: Worlds) {
    this.#name = name;
    this.#worlds = worlds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const rig of this.#rigs.values()) await rig[Symbol.asyncDispose]();
  }

  /** What becomes of each packet under each of a vector's declarations; those that compile to the same text are one. */
  async decide({ world, node, estateNode, flows }: ReadVector, isExpected: IsExpected): Promise<Seen[][]> {
    const texts = [node, ...(estateNode ? [estateNode] : [])].map((each) => this.#compile(each));
    const different = [...new Map(texts.map((text) => [JSON.stringify(text), text])).values()];
    const rig = await this.#rig(world);
    const seen: Seen[][] = [];
    for (const text of different) seen.push(await this.#decideUnder(rig, text, flows, isExpected));
    return seen;
  }

  async #decideUnder(
    rig: Rig,
    text: ReturnType<typeof compileFirewall>,
    flows: readonly Flow[],
    isExpected: IsExpected,
  ): Promise<Seen[]> {
    const packets = flows.map(packetOf);
    const refusal = await this.#timed("loadMs", () => refusalOf(rig.load(text)));
    if (refusal !== undefined) return packets.map(() => ({ verdict: "unknown", reason: refusal }));
    const outcomes = await this.#timed("sendMs", () => rig.decide(packets));
    const seen: Seen[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const packet = packets[index];
      const isAsked = packet && !isExpected(outcome, index);
      seen.push(isAsked ? { ...outcome, path: (await rig.trace(packet)).path } : outcome);
    }
    return seen;
  }

  #compile(node: Node): ReturnType<typeof compileFirewall> {
    const since = performance.now();
    const text = compileFirewall(node);
    this.timings.compileMs += performance.now() - since;
    return text;
  }

  async #rig(world: keyof Worlds): Promise<Rig> {
    const known = this.#rigs.get(world);
    if (known) return known;
    const network = nodeNetwork(this.#worlds[world]);
    const made = await this.#timed("worldMs", () => Rig.build(`${this.#name}-${world}`, network));
    this.#rigs.set(world, made);
    return made;
  }

  async #timed<T>(phase: keyof LiveTimings, work: () => Promise<T>): Promise<T> {
    const since = performance.now();
    const result = await work();
    this.timings[phase] += performance.now() - since;
    return result;
  }
}

/** Rules that the kernel does not take (trap 32 of a node, too) prove nothing about any packet. */
async function refusalOf(load: Promise<void>): Promise<string | undefined> {
  try {
    await load;
    return undefined;
  } catch (error) {
    if (error instanceof HarnessError && isRefusal(error))
      return `the kernel does not take these rules: ${error.detail.actual}`;
    throw error;
  }
}

/** A flow's first packet for the rig. */
export function packetOf(flow: Flow): RigPacket {
  const { from, to, proto, source, dest, sport, dport, icmpType, icmpCode, sourceMac } = flow;
  const isIcmp = proto === "icmp";
  const number = isIcmp ? (icmpType ?? ECHO_REQUEST) : (dport ?? 0);
  return {
    from,
    to,
    key: keyOf(proto, number),
    source,
    dest,
    ...(isIcmp ? {} : { sport: sport ?? EPHEMERAL_PORT }),
    ...(icmpCode === undefined ? {} : { icmpCode }),
    ...(sourceMac === undefined ? {} : { sourceMac }),
  };
}

const ECHO_REQUEST = 8;
const WITH_PORTS: Readonly<Record<number, string>> = { 33: "dccp", 132: "sctp", 136: "udplite" };

function keyOf(proto: Flow["proto"], number: number): FlowKey {
  if (typeof proto !== "number") return `${proto}/${number}`;
  const name = WITH_PORTS[proto];
  return name === undefined ? `ip/${proto}` : `${name}/${number}`;
}

import { conntrackFill, forgetFlows, type TrackedFlows } from "../lab/conntrack.ts";
import type { Lab } from "../lab/lab.ts";
import { addressBytes, protocolOf } from "./frame.ts";
import type { PacketProbe } from "./probe.ts";

const NODE = "host";
/** Packets that are sent before their sum is looked at. */
const MOST_AT_ONCE = 65_536;
/** The same where others' connections fill half of the table already. */
const FEW_AT_ONCE = 512;

/** Of these each port is a flow of its own to conntrack; of DCCP where the kernel still tracks it. */
const WITH_PORTS = /^(?:tcp|udp|sctp|dccp|udplite)\//;

/**
 * Keeps the node's connection table below half of what it holds: a full one drops packets that no rule drops. Forgets the
 * probes' own flows alone, so that the connections of servers go on; and those of an earlier probe of the same ends, which
 * would pass as known.
 */
export class TrackedRoom {
  readonly #lab: Lab;
  readonly #left = new Map<string, TrackedFlows>();
  /** Those of the probe that is being sent. */
  #now: readonly (readonly [string, TrackedFlows])[] = [];

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** From here on packets of this probe are sent. */
  begin({ source, dest, keys }: PacketProbe, sport: number): void {
    const protocols = new Set(keys.filter((key) => WITH_PORTS.test(key)).map((key) => protocolOf(key)));
    this.#now = [...protocols].map((protocol) => {
      const flows = { source: addressBytes(source), dest: addressBytes(dest), protocol, sport };
      return [`${source} ${dest} ${protocol} ${sport}`, flows] as const;
    });
    for (const [key, flows] of this.#now) {
      if (this.#left.has(key)) forgetFlows(this.#lab, NODE, flows);
      this.#left.set(key, flows);
    }
  }

  /** How many packets may be sent now. */
  next(wanted: number): number {
    const free = this.#free();
    if (free >= Math.min(wanted, MOST_AT_ONCE)) return MOST_AT_ONCE;
    for (const flows of this.#left.values()) forgetFlows(this.#lab, NODE, flows);
    // Each forgetting walks the whole table: what is forgotten is not forgotten again with every later probe.
    this.#left.clear();
    for (const [key, flows] of this.#now) this.#left.set(key, flows);
    return Math.max(FEW_AT_ONCE, Math.min(this.#free(), MOST_AT_ONCE));
  }

  #free(): number {
    const fill = conntrackFill(this.#lab, NODE);
    return fill ? (fill.max >> 1) - fill.count : MOST_AT_ONCE;
  }
}

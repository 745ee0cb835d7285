import { createHash } from "node:crypto";
import { closeSync } from "node:fs";
import { HarnessError } from "../errors.ts";
import type { Lab } from "./lab.ts";
import { AF_INET, AF_INET6, IPPROTO_RAW, readIp6Option, readIpOption, SOCK_RAW, socket } from "./libc.ts";
import { within } from "./namespace.ts";
import { run } from "./process.ts";
import { BOUND } from "./waits.ts";

/** A line of a namespace's filter table, as iptables-save(8) prints it, and what matched it. */
export interface CountedRule {
  readonly chain: string;
  readonly rule: string;
  /** Packets. */
  readonly count: number;
  /** Of the packets with their IP headers. */
  readonly bytes: number;
  /** That of a rule that ends a packet's way, as the kernel's own table has it: the text may hold the same words elsewhere. */
  readonly effect: "drop" | "reject" | undefined;
}

/* linux/netfilter_ipv4/ip_tables.h, netfilter_ipv6/ip6_tables.h, x86_64 and arm64: struct ipt_getinfo, ipt_get_entries,
   ipt_entry, ip6t_entry, xt_entry_target. */
const GET_INFO = 64;
const GET_ENTRIES = 65;
const INFO = { bytes: 84, hookEntries: 36, size: 80 } as const;
const ENTRIES = { size: 32, table: 40 } as const;
const FAMILY = {
  4: {
    save: "iptables-legacy-save",
    domain: AF_INET,
    readOption: readIpOption,
    entry: { target: 88, next: 90, packets: 96, elements: 112 },
  },
  6: {
    save: "ip6tables-legacy-save",
    domain: AF_INET6,
    readOption: readIp6Option,
    entry: { target: 140, next: 142, packets: 152, elements: 168 },
  },
} as const;
type Family = (typeof FAMILY)[4 | 6];
const TARGET = { name: 2, data: 32 } as const;
/** A target that is a verdict or a jump has no name; NF_DROP is written as -NF_DROP - 1. */
const STANDARD = "";
const VERDICT_DROP = -1;
const HOOKS = { INPUT: 1, FORWARD: 2, OUTPUT: 3 } as const;

/** One family's filter table of one namespace, to be read often: 0.1 ms a look, where iptables-save takes 4 ms. */
export class FilterCounters {
  readonly #lab: Lab;
  readonly #namespace: string;
  readonly #family: Family;
  #shape = "";
  #lines: Lines = new Map();

  constructor(lab: Lab, namespace: string, family: 4 | 6 = 4) {
    this.#lab = lab;
    this.#namespace = namespace;
    this.#family = FAMILY[family];
  }

  /** All rules in the table's order. Rules that were loaded or changed meanwhile are read anew. */
  async read(): Promise<CountedRule[]> {
    const end = performance.now() + BOUND.commandMs;
    for (;;) {
      const { entries, shape } = this.#entries();
      if (shape === this.#shape) return entries.map((entry) => this.#rule(entry));
      const [first, second] = [await this.#saved(), await this.#saved()];
      const lines = linesOf(second);
      // The text and the table are of one moment only where both are still the same after the text was read;
      // and the lines of one shape never stand under another, to which the table may go back.
      const isStill = first === second && this.#entries().shape === shape;
      if (isStill && entries.every((entry) => isLineOf(entry, lines)))
        [this.#shape, this.#lines] = [shape, lines];
      else if (performance.now() > end) throw changing(this.#lab, this.#namespace);
    }
  }

  /** The rules alone: what is beside them has the time in it. */
  async #saved(): Promise<string> {
    const saved = await run(this.#lab, this.#namespace, [this.#family.save, "-t", "filter"]);
    return saved.replaceAll(/^[^-].*\n/gm, "");
  }

  /** How many packets lines that end a packet's way have taken so far, whichever rules those are. */
  ends(): { drops: number; rejects: number } {
    const { entry } = this.#family;
    const [, table] = this.#blob();
    let [drops, rejects] = [0, 0];
    for (let offset = 0; offset < table.length; offset += table.readUInt16LE(offset + entry.next)) {
      const target = offset + table.readUInt16LE(offset + entry.target);
      const count = Number(table.readBigUInt64LE(offset + entry.packets));
      const name = text(table, target + TARGET.name);
      if (name === "REJECT") rejects += count;
      else if (name === STANDARD && table.readInt32LE(target + TARGET.data) === VERDICT_DROP) drops += count;
    }
    return { drops, rejects };
  }

  #rule({ chain, at, ...counted }: Entry): CountedRule {
    return { chain, rule: this.#lines.get(chain)?.[at] ?? "", ...counted };
  }

  #entries(): { entries: Entry[]; shape: string } {
    return parse(...this.#blob(), this.#family.entry);
  }

  #blob(): [info: Buffer, table: Buffer] {
    return within(this.#lab, this.#namespace, () => {
      const fd = socket(this.#family.domain, SOCK_RAW, IPPROTO_RAW);
      try {
        return blob(fd, this.#family.readOption);
      } finally {
        closeSync(fd);
      }
    });
  }
}

function changing({ name }: Lab, namespace: string): HarnessError {
  const [expected, actual] = ["a filter table that stands still", "another one at each look"];
  return new HarnessError("lab-command", { subject: `${namespace} of lab ${name}`, expected, actual });
}

/** A table that is changed between the two questions has another size. */
const TABLE_TRIES = 100;

function blob(
  fd: number,
  readOption: Family["readOption"],
  tries = TABLE_TRIES,
): [info: Buffer, table: Buffer] {
  const info = Buffer.alloc(INFO.bytes);
  info.write("filter");
  readOption(fd, GET_INFO, info);
  const size = info.readUInt32LE(INFO.size);
  const answer = Buffer.alloc(ENTRIES.table + size);
  answer.write("filter");
  answer.writeUInt32LE(size, ENTRIES.size);
  try {
    readOption(fd, GET_ENTRIES, answer);
  } catch (error) {
    const isOfAnotherSize = error instanceof Error && "code" in error && error.code === "EAGAIN";
    if (!isOfAnotherSize || tries === 1) throw error;
    return blob(fd, readOption, tries - 1);
  }
  return [info, answer.subarray(ENTRIES.table)];
}

interface Entry extends Omit<CountedRule, "rule"> {
  /** Its place in the chain, from 0. */
  readonly at: number;
}

/* A built-in chain starts at its hook's entry and ends with its policy; a chain of one's own starts after a head whose
   target is ERROR and ends with a return: the last entry of either is no rule. */
function parse(info: Buffer, table: Buffer, entry: Family["entry"]): { entries: Entry[]; shape: string } {
  const starts = new Map(
    Object.entries(HOOKS).map(([name, hook]) => [info.readUInt32LE(INFO.hookEntries + 4 * hook), name]),
  );
  const chains: Entry[][] = [];
  const shape = createHash("sha256");
  let chain = "";
  for (let offset = 0; offset < table.length; offset += table.readUInt16LE(offset + entry.next)) {
    const target = offset + table.readUInt16LE(offset + entry.target);
    const name = text(table, target + TARGET.name);
    const isHead = name === "ERROR";
    const isDrop = name === STANDARD && table.readInt32LE(target + TARGET.data) === VERDICT_DROP;
    const effect = name === "REJECT" ? "reject" : isDrop ? "drop" : undefined;
    if (isHead || starts.has(offset)) {
      chain = starts.get(offset) ?? text(table, target + TARGET.data);
      chains.push([]);
    }
    const count = Number(table.readBigUInt64LE(offset + entry.packets));
    const bytes = Number(table.readBigUInt64LE(offset + entry.packets + 8));
    const end = offset + table.readUInt16LE(offset + entry.next);
    shape
      .update(table.subarray(offset, offset + entry.packets))
      .update(table.subarray(offset + entry.elements, end));
    const rules = chains.at(-1);
    if (!isHead) rules?.push({ chain, at: rules.length, count, bytes, effect });
  }
  return { entries: chains.flatMap((rules) => rules.slice(0, -1)), shape: shape.digest("base64") };
}

function text(table: Buffer, offset: number): string {
  return table.toString("latin1", offset, table.indexOf(0, offset));
}

/** `-A CHAIN RULE` lines of iptables-save, by chain. */
type Lines = ReadonlyMap<string, readonly string[]>;

/** Whether the text has a line there, and one that ends a packet's way as the entry does. */
function isLineOf({ chain, at, effect }: Entry, lines: Lines): boolean {
  const line = lines.get(chain)?.[at];
  const target = / -j (DROP|REJECT)(?: --reject-with \S+)?$/.exec(` ${line}`)?.[1];
  return line !== undefined && target?.toLowerCase() === effect;
}

function linesOf(saved: string): Lines {
  const lines = new Map<string, string[]>();
  for (const [, chain = "", rule = ""] of saved.matchAll(/^-A (\S+) (.*)$/gm)) {
    const known = lines.get(chain);
    if (known) known.push(rule);
    else lines.set(chain, [rule]);
  }
  return lines;
}

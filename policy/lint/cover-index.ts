import type { Rule } from "../estate.ts";
import type { Family, Ip } from "../ip.ts";
import type { Budget } from "./budget.ts";
import { covers, type End, type Reach } from "./reach.ts";

/** An end by how it is looked up: not asked for, one network of that prefix length, or anything else. */
type EndShape = "any" | "loose" | number;

/** By which exact values the reaches of one shape are found. */
interface Shape {
  readonly family: Family;
  readonly proto: boolean;
  readonly source: EndShape;
  readonly dest: EndShape;
  readonly port: "any" | "one" | "loose";
  readonly buckets: Map<string, Entry[]>;
}

interface Entry {
  readonly reach: Reach;
  readonly rule: Rule;
  readonly order: number;
}

const BITS: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

/**
 * Earlier rules, found by what they would have to hold: a reach lies within one of a shape only if its own values, cut to
 * that shape's prefixes, are the key (tuple space search). So a list of like rules costs one look-up a rule, not a walk.
 */
export class CoverIndex {
  readonly #shapes = new Map<string, Shape>();
  #order = 0;

  add(reach: Reach, rule: Rule): void {
    const shape = this.#shapeOf(reach);
    const key = keyOf(reach, shape) ?? "";
    const entry = { reach, rule, order: this.#order++ };
    const bucket = shape.buckets.get(key);
    if (bucket) bucket.push(entry);
    else shape.buckets.set(key, [entry]);
  }

  /** The earliest rule that takes all these packets; undefined also where the budget ends. */
  find(reach: Reach, budget: Budget, asking: Rule): Rule | undefined {
    let first: Entry | undefined;
    for (const shape of this.#shapes.values()) {
      if (shape.family !== reach.family) continue;
      if (!budget.spend(asking.position)) return undefined;
      const key = keyOf(reach, shape);
      const bucket = key === undefined ? undefined : shape.buckets.get(key);
      for (const entry of bucket ?? []) {
        if (first && first.order < entry.order) break;
        if (!budget.spend(asking.position)) return undefined;
        if (covers(entry.reach, reach)) first = entry;
      }
    }
    return first?.rule;
  }

  #shapeOf(reach: Reach): Shape {
    const { family } = reach;
    const proto = reach.proto !== undefined;
    const [source, dest] = [endShape(reach.source, family), endShape(reach.dest, family)];
    const one = onePort(reach) !== undefined;
    const port = one ? "one" : reach.dports || reach.icmpTypes ? "loose" : "any";
    const name = `${family} ${proto} ${source} ${dest} ${port}`;
    const shape = this.#shapes.get(name) ?? { family, proto, source, dest, port, buckets: new Map() };
    this.#shapes.set(name, shape);
    return shape;
  }
}

function endShape(end: End | undefined, family: Family): EndShape {
  if (!end) return "any";
  if ("own" in end) return "loose";
  const [span, other] = end.region;
  return !span || other ? "loose" : (prefixOf(span.first, span.last, family) ?? "loose");
}

/** The length of the prefix that is just this span; undefined where none is. */
function prefixOf(first: Ip, last: Ip, family: Family): number | undefined {
  if (first === last) return BITS[family];
  const size = BigInt(last) - BigInt(first) + 1n;
  if ((size & (size - 1n)) !== 0n || BigInt(first) % size !== 0n) return undefined;
  return BITS[family] - (size.toString(2).length - 1);
}

/** The values of a reach that a shape asks for; undefined where none of the shape can hold it. */
function keyOf(reach: Reach, shape: Shape): string | undefined {
  const source = endKey(reach.source, shape.source, shape.family);
  const dest = endKey(reach.dest, shape.dest, shape.family);
  const port = shape.port === "one" ? onePort(reach) : "";
  const proto = shape.proto ? reach.proto : "";
  if (source === undefined || dest === undefined || port === undefined || proto === undefined)
    return undefined;
  return `${proto} ${source} ${dest} ${port}`;
}

function endKey(end: End | undefined, shape: EndShape, family: Family): Ip | "" | undefined {
  if (typeof shape === "string") return "";
  if (!end || "own" in end) return undefined;
  const first = cut(end.region[0]?.first, shape, family);
  return first === cut(end.region.at(-1)?.last, shape, family) ? first : undefined;
}

function cut(ip: Ip | undefined, prefixLength: number, family: Family): Ip | undefined {
  if (typeof ip === "bigint") return ip >> BigInt(BITS[family] - prefixLength);
  return ip === undefined ? undefined : Math.floor(ip / 2 ** (BITS[family] - prefixLength));
}

/** The one port, or the one ICMP type. */
function onePort({ dports, icmpTypes }: Reach): number | undefined {
  const [span, other] = dports ?? [];
  if (span && !other && span.first === span.last) return span.first;
  return icmpTypes?.length === 1 ? icmpTypes[0] : undefined;
}

import type { Position } from "../estate.ts";
import { describeDecider } from "../explain.ts";
import type { Decider } from "../flow.ts";
import type { Ground } from "../lint/ground.ts";
import { interfaceReason } from "../lint/interface.ts";
import { linesBefore as lintedBefore } from "../lint/before.ts";
import { whyNever } from "../lint/never.ts";
import { describePosition } from "../position.ts";
import { ruleLine } from "../rule-line.ts";
import { coverOf, linesBefore } from "./cover.ts";
import type { LabelledHop } from "./hop.ts";
import type { HopShares, Share } from "./hop-shares.ts";
import type { Site } from "./site.ts";

/** Why a rule decides nothing, as `phx check` words it where its lint sees it too. */
export type Reason =
  | "switched-off"
  | "no-use"
  | "forward"
  | "unfiltered"
  | "unwritten"
  | "no-match"
  | "taken-before"
  | "shadowed";

export interface Why {
  readonly reason: Reason;
  readonly words: string;
  readonly related: readonly Position[];
}

function why(reason: Reason, words: string, related: readonly Position[] = []): Why {
  return { reason, words, related };
}

/** Of a rule that no hop of its place has a line of. */
export function whyNoLine(ground: Ground, site: Site, hops: readonly LabelledHop[]): Why {
  const { rule, use, place } = site;
  if (!rule.enabled) return why("switched-off", "it is switched off");
  if (place.kind === "group") return why("no-use", "no GROUP line uses its group");
  if (use && !use.enabled) {
    const at = describePosition(use.position);
    return why("switched-off", `the GROUP line that brings it in is switched off (${at})`, [use.position]);
  }
  if (rule.type === "forward")
    return why("forward", "it is of type forward, of which Proxmox compiles nothing");
  if (hops.length === 0) return why("unfiltered", `${place.title} has no interface`);
  const unfiltered = hops.filter(({ hasChain }) => !hasChain);
  if (unfiltered.length === hops.length) return whyUnfiltered(hops);
  const { failure, empty, reaches } = ground.understood(rule);
  if (failure !== undefined) return why("unwritten", `it can't be written: ${failure}`);
  const failed = use && ground.failureOf(use.group);
  if (failed) {
    const words = `the group ${use.group} can't be written: ${failed.reason} (${describePosition(failed.rule.position)})`;
    return why("unwritten", words, [failed.rule.position]);
  }
  const iface = use?.iface;
  const absent = reaches.flatMap(
    (reach) => interfaceReason(iface === undefined ? reach : { ...reach, iface }, place) ?? [],
  );
  const texts = [...empty, ...absent];
  const none = iface ?? rule.iface;
  const other =
    none === undefined ? "no interface is filtered" : `no filtered interface of ${place.title} is ${none}`;
  return why("no-match", unique(texts).join("; ") || other);
}

function whyUnfiltered(hops: readonly LabelledHop[]): Why {
  const deciders = hops.map(({ pass, hop }) => pass.otherwise(hop.family).decider);
  const related = deciders.flatMap((each) => ("position" in each ? [each.position] : []));
  const texts = deciders.map((each) => ("text" in each ? (each.text ?? "") : ""));
  return why("unfiltered", unique(texts).join("; "), unique(related));
}

/** Of a rule that decides nothing at any of these hops, at each of which it has a line. */
export function whyNothing(
  ground: Ground,
  site: Site,
  tried: readonly { readonly hop: HopShares; readonly share: Share }[],
  isEmpty: (share: Share, set: "asks" | "arriving") => boolean,
): Why {
  const { rule } = site;
  const asked = tried.filter(({ share }) => !isEmpty(share, "asks"));
  if (asked.length === 0) return why("no-match", neverWords(ground, site) ?? "no packet is like that");
  const arriving = asked.filter(({ share }) => !isEmpty(share, "arriving"));
  if (arriving.length === 0) {
    const own = unique(asked.flatMap(({ hop, share }) => linesBefore(hop, share)).map(describeDecider));
    return why("taken-before", neverWords(ground, site) ?? `before any rule ${own.join(" and ")} decides`);
  }
  const takers = unique(
    arriving.flatMap(({ hop, share }) =>
      coverOf(hop, share).map((run) => run.site ?? run.decider ?? "a line"),
    ),
  );
  const named = takers.slice(0, MOST_NAMED).map((taker) => takerName(taker));
  const more = takers.length - named.length;
  const names = [...named, ...(more > 0 ? [`${more} more`] : [])];
  const contrary = takers.filter((taker) => actionOf(taker) !== rule.action);
  const together = takers.length > 1;
  const says =
    contrary.length === 0
      ? `as it would: ${rule.action}`
      : `and ${contrary.length === takers.length ? "contradict" : "in part contradict"}${together ? "" : "s"} it`;
  const words = `it is never reached: ${names.join(" and ")} ${together ? "together take" : "takes"} all its packets, ${says}`;
  const related = takers.flatMap((taker) => positionOf(taker) ?? []);
  return why("shadowed", words, related);
}

/** Of a list of rules that takes another's packets together. */
const MOST_NAMED = 6;

type Taker = Site | Decider | string;

function takerName(taker: Taker): string {
  if (typeof taker === "string") return taker;
  if (!("rule" in taker)) return describeDecider(taker);
  return `"${ruleLine(taker.rule)}" (${describePosition(taker.rule.position)})`;
}

/** A line that is no declared rule's is a GROUP line, which lets through what bears the mark. */
function actionOf(taker: Taker): string {
  return typeof taker === "object" && "rule" in taker ? taker.rule.action : "ACCEPT";
}

function positionOf(taker: Taker): Position | undefined {
  if (typeof taker === "string") return undefined;
  if ("rule" in taker) return taker.rule.position;
  return "position" in taker ? taker.position : undefined;
}

/** As the lint has it: one reason for each alternative. */
function neverWords(ground: Ground, { rule, use, place }: Site): string | undefined {
  if (rule.type === "forward") return undefined;
  const before = lintedBefore(ground.node, place, rule.type);
  const { reaches, empty } = ground.understood(rule);
  const reasons = reaches.map((reach) =>
    whyNever(use?.iface === undefined ? reach : { ...reach, iface: use.iface }, place, before),
  );
  if (reasons.includes(undefined)) return undefined;
  return unique([...empty, ...reasons]).join("; ") || undefined;
}

function unique<T>(all: readonly T[]): T[] {
  return [...new Set(all)];
}

import { type FlowKey, countFlows, parseFlowKey } from "../probes/flow-key.ts";
import { type Account, PacketOutcome } from "../probes/observation.ts";
import { seconds } from "./progress.ts";
import type { Disagreement, PairResult, SweepResult } from "./sweep-result.ts";

/** Of a long list of flow keys so many are printed; `--json` has all. */
const MOST_KEYS = 12;
const MOST_DISAGREEMENTS = 20;
/** One pair for a person: each outcome with its flows or its accounts, then the comparison with the model. */
export function pairText(pair: PairResult): string {
  const { agreed, disagreements, elsewhere } = pair;
  return [
    askedText(pair),
    ...PacketOutcome.options.flatMap((outcome) => outcomeLines(pair, outcome)),
    `  ${"as the model says".padEnd(17)} ${count(agreed).padStart(11)}`,
    ...disagreements.slice(0, MOST_DISAGREEMENTS).flatMap(disagreementLines),
    ...(disagreements.length > MOST_DISAGREEMENTS
      ? [`  and ${disagreements.length - MOST_DISAGREEMENTS} more kinds of disagreement`]
      : []),
    ...elsewhere.map(
      ({ chain, model, kernel }) =>
        `  ELSEWHERE: ${chain} stopped ${count(kernel)}, the model says ${count(model)}`,
    ),
  ].join("\n");
}

/** The pair's addresses, and how many of its flows were asked. */
export function askedText(pair: PairResult): string {
  const { from, to, source, dest, forged, flows, durationMs } = pair;
  const asked = `${count(flows.asked)} of ${count(flows.of)} flows asked`;
  return `${from} > ${to} (${source}${forged ? ", forged," : ""} > ${dest}${chosenText(pair)}): ${asked}, ${seconds(durationMs)}`;
}

function chosenText({ sport, flags, sourceMac }: PairResult): string {
  return [
    ...(sport === undefined ? [] : [`, from port ${sport}`]),
    ...(flags === undefined ? [] : [`, flags ${flags.join(",") || "none"}`]),
    ...(sourceMac === undefined ? [] : [`, source MAC ${sourceMac}`]),
  ].join("");
}

function outcomeLines(
  { outcomes, accounts, refusals, unknown }: PairResult,
  outcome: PacketOutcome,
): string[] {
  const keys = outcomes[outcome] ?? [];
  if (keys.length === 0) return [];
  const line = `  ${outcome.padEnd(17)} ${count(countFlows(keys)).padStart(11)}`;
  switch (outcome) {
    case "delivered":
    case "no-listener":
      return [`${line}  ${keysText(keys)}`];
    case "no-route":
      return [`${line}  ${keysText(keys)}`, ...accountLines(accounts, "no-route")];
    case "rejected":
      return [
        `${line}  ${keysText(keys)}`,
        ...accountLines(accounts, "reject"),
        ...refusals.map(
          (each) => `      ${each.answer} by ${each.by}, seen at ${each.at}: ${keysText(each.keys)}`,
        ),
      ];
    case "dropped":
      return [line, ...accountLines(accounts, "drop")];
    case "unknown":
      return [line, ...unknown.map((each) => `      ${keysText(each.keys)}: ${each.reason}`)];
  }
}

function accountLines(accounts: readonly Account[], effect: Account["effect"]): string[] {
  return accounts
    .filter((each) => each.effect === effect)
    .map(({ chain, rule, gain }) => `      ${count(gain).padStart(11)}  ${chain} ${rule}`);
}

function disagreementLines({ keys, outcome, verdict, path, live, frames }: Disagreement): string[] {
  return [
    `  DIFFERS: ${keysText(keys)}: live ${outcome}, the model says ${verdict}`,
    ...path.map((hop, index) => `      ${index + 1}. ${hop}`),
    ...live.map((line) => `      live: ${line}`),
    ...(frames ?? []).map((file) => `      frames: ${file}`),
  ];
}

/** What all of it comes to, in one line. */
export function verdictText({
  complete,
  flows,
  agreed,
  disagreed,
  unknown,
  pairs,
  ...rest
}: SweepResult): string {
  const elsewhere = pairs.filter((pair) => pair.elsewhere.length > 0).length;
  const parts = [
    ...(complete ? [] : [`partial: ${count(flows.asked)} of ${count(flows.of)} flows asked`]),
    `${count(agreed)} as the model says`,
    ...(disagreed > 0 ? [`${count(disagreed)} differ`] : []),
    ...(elsewhere > 0 ? [`${plural(elsewhere, "pair")} stopped elsewhere than the model says`] : []),
    ...(unknown > 0 ? [`${count(unknown)} could not be told`] : []),
  ];
  const pace = `${count(rest.packetsPerSecond)} packets/s, ${seconds(rest.durationMs)}`;
  return `${plural(pairs.length, "pair")}: ${parts.join(", ")}; ${pace}`;
}

/** Also protocols in a row as one: `ip/18-32`. */
function keysText(keys: readonly FlowKey[]): string {
  const words: string[] = [];
  let run: { first: number; last: number } | undefined;
  for (const key of keys) {
    const { proto, first, last } = parseFlowKey(key);
    if (proto !== "ip" || !run || first !== run.last + 1) {
      run = proto === "ip" ? { first, last } : undefined;
      words.push(key);
      continue;
    }
    run.last = last;
    words[words.length - 1] = `ip/${run.first}-${run.last}`;
  }
  const more = words.length > MOST_KEYS ? ` and ${words.length - MOST_KEYS} more ranges` : "";
  return `${words.slice(0, MOST_KEYS).join(", ")}${more}`;
}

/** 131,576. */
function count(number: number): string {
  return number.toLocaleString("en-US");
}

function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

import { release } from "node:os";
import { explainDecision } from "../policy/explain.ts";
import type { Decision, Flow } from "../policy/flow.ts";
import type { VectorCase } from "../policy/vectors.ts";
import { seconds } from "./progress.ts";
import type { LiveTimings, Seen } from "./vector-live.ts";

/** A case of a vector, and what the model and, where it was asked, the kernel said of it. */
export interface Judged {
  readonly file: string;
  readonly line: number;
  readonly id: string;
  /** Its place in the vector's cases, from 0. */
  readonly index: number;
  readonly each: VectorCase;
  readonly flow: Flow;
  /** From the .fw files, then from the Phoenix JSON. */
  readonly decisions: readonly Decision[];
  readonly kernel?: readonly Seen[];
  readonly agreement: "agreed" | "disagreed" | "unknown";
}

/** All that a run of `phx vectors` found. */
export interface Told {
  readonly seed?: number;
  /** In the files, chosen or not. */
  readonly configurations: number;
  readonly judged: readonly Judged[];
  readonly timings: { readonly readMs: number; readonly modelMs: number } & Partial<LiveTimings>;
}

export function print(told: Told): void {
  const lines = [
    ...told.judged.filter(({ agreement }) => agreement !== "agreed").map(describe),
    ...(told.seed === undefined
      ? []
      : [`seed ${told.seed}: ${configurationsOf(told.judged)} of ${told.configurations} configurations`]),
    ...[...Map.groupBy(told.judged, ({ file }) => file)].map(([file, group]) => `${file}: ${countOf(group)}`),
    summaryOf(told),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

export function printJson({ judged, ...told }: Told): void {
  const count = (agreement: Judged["agreement"]) =>
    judged.filter((each) => each.agreement === agreement).length;
  const others = judged.filter(({ agreement }) => agreement !== "agreed");
  const value = {
    ...told,
    decided: configurationsOf(judged),
    cases: judged.length,
    agreed: count("agreed"),
    disagreed: count("disagreed"),
    unknown: count("unknown"),
    others: others.map(({ each, ...rest }) => ({ ...rest, case: each })),
  };
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

function configurationsOf(judged: readonly Judged[]): number {
  return new Set(judged.map(({ file, line }) => `${file} ${line}`)).size;
}

function countOf(judged: readonly Judged[]): string {
  const { agreed = [], disagreed = [], unknown } = Object.groupBy(judged, ({ agreement }) => agreement);
  return [
    `${configurationsOf(judged)} configurations, ${judged.length} cases: ${agreed.length} agreed`,
    `${disagreed.length} disagreed`,
    ...(unknown ? [`${unknown.length} could not be told`] : []),
  ].join(", ");
}

function summaryOf({ judged, timings }: Told): string {
  const { readMs, modelMs, worldMs, compileMs, loadMs, sendMs } = timings;
  const model = `model: read ${seconds(readMs)}, decided ${seconds(modelMs)}`;
  if (worldMs === undefined || compileMs === undefined || loadMs === undefined || sendMs === undefined)
    return model;
  const perSecond = Math.round((judged.length * 1000) / (compileMs + loadMs + sendMs));
  const phases = `world ${seconds(worldMs)}, compiled ${seconds(compileMs)}, loaded ${seconds(loadMs)}, sent ${seconds(sendMs)}`;
  return `${model}\nkernel ${release()}: ${phases}; ${perSecond} cases/s`;
}

/** What was expected of a case, and both paths. */
function describe({ file, line, id, index, each, flow, decisions, kernel = [] }: Judged): string {
  const { from, to, proto, expect, reject, sport, dport } = each;
  const end = (address: string, port: number | string | undefined) =>
    [address, ...(port === undefined ? [] : [port])].join(":");
  return [
    `${file}:${line} configuration ${id}, case ${index}: ${proto} ${from} ${end(flow.source, sport)} -> ${to} ${end(flow.dest, dport)}`,
    `  expected  ${expect.toLowerCase()}${reject === undefined ? "" : ` (${reject})`}`,
    ...decisions.map((decision, at) => `  ${MODELS[at] ?? "model"}  ${indented(explainDecision(decision))}`),
    ...kernel.map((seen) => `  kernel  ${indented(describeSeen(seen))}`),
  ].join("\n");
}

const MODELS = ["model, .fw files", "model, Phoenix JSON"];

function describeSeen(seen: Seen): string {
  const how =
    seen.verdict === "unknown"
      ? `: ${seen.reason}`
      : "reject" in seen && seen.reject
        ? ` (${seen.reject})`
        : "";
  const path = seen.path?.map(({ chain, rule, count }) => `  ${count} x -A ${chain} ${rule}`) ?? [];
  return [`${seen.verdict}${how}`, ...path].join("\n");
}

function indented(text: string): string {
  return text.replaceAll("\n", "\n    ");
}

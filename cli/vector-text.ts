import { asciiJson } from "../reports/ascii-json.ts";
import { shownLines } from "../reports/text.ts";
import { release } from "node:os";
import { explainDecision } from "../policy/explain.ts";
import type { Decision, Flow } from "../policy/flow.ts";
import type { VectorCase } from "../policy/vectors.ts";
import { seconds } from "./progress.ts";
import { counted, type FileCount, totalOf } from "./vector-count.ts";
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

/** All that a run of `phx vectors` found, but for the cases that were told before. */
export interface Told {
  readonly seed?: number;
  readonly files: readonly FileCount[];
  readonly timings: { readonly readMs: number; readonly modelMs: number } & Partial<LiveTimings>;
}

/** To stdout, each case as it is found: none is kept. */
export interface VectorReport {
  /** A case that does not agree. */
  tell(judged: Judged): void;
  end(told: Told): void;
}

export class TextReport implements VectorReport {
  tell(judged: Judged): void {
    print(describe(judged));
  }

  end(told: Told): void {
    const { configurationsDecided, configurationsFound } = totalOf(told.files);
    const seed =
      told.seed === undefined
        ? []
        : [`seed ${told.seed}: ${configurationsDecided} of ${counted(configurationsFound, "configuration")}`];
    const lines = [...seed, ...told.files.map(describeCount), summaryOf(told)];
    print(lines.join("\n"));
  }
}

/** Whatever the files have in them. */
function print(text: string): void {
  process.stdout.write(`${shownLines(text, Number.POSITIVE_INFINITY)}\n`);
}

export class JsonReport implements VectorReport {
  #isFirst = true;

  tell({ each, ...rest }: Judged): void {
    this.#write(indent({ ...rest, case: each }));
  }

  end({ seed, files, timings }: Told): void {
    const counts = { ...(seed === undefined ? {} : { seed }), ...totalOf(files), files, timings };
    const opened = this.#isFirst ? '{\n  "others": []' : "\n  ]";
    process.stdout.write(`${opened},${asciiJson(counts).slice(1)}\n`);
  }

  #write(text: string): void {
    process.stdout.write(`${this.#isFirst ? '{\n  "others": [' : ","}\n${text}`);
    this.#isFirst = false;
  }
}

function indent(value: object): string {
  return asciiJson(value).replace(/^/gm, "    ");
}

function describeCount(count: FileCount): string {
  const { file, configurationsFound, configurationsDecided, casesDecided, unknown } = count;
  const of = configurationsDecided === configurationsFound ? "" : `${configurationsDecided} of `;
  return [
    `${file}: ${of}${counted(configurationsFound, "configuration")}, ${counted(casesDecided, "case")}: ${count.agreed} agreed`,
    `${count.disagreed} disagreed`,
    ...(unknown > 0 ? [`${unknown} could not be told`] : []),
    ...withoutCases(count),
  ].join(", ");
}

/** A configuration that asks nothing is no agreement. */
function withoutCases({ withoutCases: count, firstWithoutCases: lines }: FileCount): readonly string[] {
  if (count === 0) return [];
  const more = count > lines.length ? ` and ${count - lines.length} more` : "";
  return [`${counted(count, "configuration")} without a case (line ${lines.join(", ")}${more})`];
}

function summaryOf({ files, timings }: Told): string {
  const { readMs, modelMs, worldMs, compileMs, loadMs, sendMs } = timings;
  const model = `model: read ${seconds(readMs)}, decided ${seconds(modelMs)}`;
  if (worldMs === undefined || compileMs === undefined || loadMs === undefined || sendMs === undefined)
    return model;
  const perSecond = Math.round((totalOf(files).casesDecided * 1000) / (compileMs + loadMs + sendMs));
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

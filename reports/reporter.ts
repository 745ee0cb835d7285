import { readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { FullResult, Reporter, Suite, TestCase, TestError, TestResult } from "@playwright/test/reporter";
import { ComponentRow } from "../audit/components/row.ts";
import { Finding } from "../audit/finding.ts";
import { closeRun, type OpenRun, type Run } from "../audit/run.ts";
import { Observation } from "../probes/observation.ts";
import { renderSummary, wantsColour } from "./summary.ts";
import { releaseRun, writeRun } from "./write.ts";

/** What the set-up left in the file that PHX_SESSION names. */
interface Session extends Pick<Run, "isolation" | "timings"> {
  readonly open: OpenRun;
  readonly labEnded?: boolean;
}

/** Collects each control's finding and evidence, and writes the run. It may turn a green run red, never a red one green. */
export default class ConformanceReporter implements Reporter {
  readonly #planned: string[] = [];
  readonly #findings: Finding[] = [];
  readonly #observations: Observation[] = [];
  readonly #faults: string[] = [];
  /** Controls under way, and for what they wait where that takes long. */
  readonly #running = new Map<string, string | undefined>();
  #hasTold = false;
  readonly #timings: Run["timings"] = [];
  #componentRows: ComponentRow[] | undefined;

  printsToStdio(): boolean {
    return true;
  }

  onBegin(_config: unknown, suite: Suite): void {
    this.#planned.push(...suite.allTests().flatMap((test) => controlOf(test) ?? []));
  }

  onTestBegin(test: TestCase): void {
    const id = controlOf(test) ?? test.title;
    this.#running.set(id, annotated(test, "waits"));
    this.#draw(id);
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    const id = controlOf(test);
    this.#running.delete(id ?? test.title);
    const body = result.attachments.find(({ name }) => name === "evidence")?.body;
    const rows = result.attachments.find(({ name }) => name === "component rows")?.body;
    const timing = { step: `probe ${id ?? test.title}`, durationMs: Math.round(result.duration) };
    this.#timings.push(timing);
    if (rows) {
      this.#componentRows = ComponentRow.array().parse(JSON.parse(rows.toString()));
    } else if (id === undefined) {
      if (result.status !== "passed") this.#faults.push(`${test.title}: ${said(result.error)}`);
    } else if (body) {
      const evidence = JSON.parse(body.toString()) as { finding: unknown; observations: unknown[] };
      const finding = Finding.parse(evidence.finding);
      this.#findings.push({ ...finding, durationMs: Math.round(result.duration) });
      this.#observations.push(...evidence.observations.map((each) => Observation.parse(each)));
    } else if (result.status !== "skipped" && result.status !== "interrupted") {
      const summary = `the probe broke: ${said(result.error)}`;
      this.#findings.push({ control: id, result: "error", summary, checks: [] });
    }
    this.#draw(id ?? "");
    this.#tellWait();
  }

  #draw(id: string): void {
    if (!process.stderr.isTTY) return;
    const waits = [...this.#running].flatMap(([each, what]) => (what ? [`; ${each} waits for ${what}`] : []));
    const line = `${this.#findings.length} of ${this.#planned.length} ${id}${waits.join("")}`;
    process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`);
  }

  /** Where nothing else goes on any more, once: a run that says nothing for a minute looks as if it hung. */
  #tellWait(): void {
    const [only, ...others] = this.#running;
    if (process.stderr.isTTY || others.length > 0 || !only?.[1] || this.#hasTold) return;
    this.#hasTold = true;
    process.stderr.write(`phx: ${only[0]} waits for ${only[1]}\n`);
  }

  onError(error: TestError): void {
    this.#faults.push(said(error));
  }

  async onEnd(result: FullResult): Promise<{ status?: FullResult["status"] } | undefined> {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
    try {
      const run = await this.#write(result);
      return run?.verdict.exit === 0 && result.status === "passed" ? undefined : { status: "failed" };
    } catch (error) {
      process.stderr.write(
        `phx: the run could not be written: ${error instanceof Error ? error.message : String(error)}\n`,
      );
      return { status: "failed" };
    }
  }

  async #write(result: FullResult): Promise<Run | undefined> {
    const session = process.env.PHX_SESSION;
    if (session === undefined) {
      for (const fault of this.#faults) process.stderr.write(`phx: ${fault}\n`);
      return undefined;
    }
    const {
      open,
      isolation,
      timings,
      labEnded = false,
    } = JSON.parse(readFileSync(session, "utf8")) as Session;
    const folder = dirname(session);
    if (result.status === "timedout" || result.status === "interrupted")
      this.#faults.push(`the run was ${result.status}`);
    const run = closeRun(open, {
      endedAt: new Date().toISOString(),
      planned: this.#planned,
      findings: this.#findings,
      labEnded,
      observations: this.#observations,
      componentRows: this.#componentRows,
      timings: [...timings, ...this.#timings],
      isolation,
      faults: this.#faults,
    });
    const { htmlFile } = await writeRun(folder, run);
    rmSync(session, { force: true });
    rmSync(join(folder, "observations.jsonl"), { force: true });
    // Playwright still writes there after the last reporter.
    process.on("exit", () => rmSync(join(folder, "playwright"), { recursive: true, force: true }));
    await releaseRun(folder);
    // Under phx it is phx that prints, so that a full disk behind its output shows in its exit status.
    if (process.env["PHX_WATCHED"] === "1") return run;
    process.stdout.write(renderSummary(run, { report: htmlFile, colour: wantsColour(process.stdout) }));
    return run;
  }
}

function controlOf(test: TestCase): string | undefined {
  return annotated(test, "control");
}

function annotated(test: TestCase, name: string): string | undefined {
  return test.annotations.find(({ type }) => type === name)?.description;
}

/** A Playwright error as one line, without its colours. */
function said(error: TestError | undefined): string {
  const text = error?.message ?? error?.value ?? "no message";
  const [line = ""] = stripVTControlCharacters(text).split("\n");
  return line.replace(/^Error: /, "");
}

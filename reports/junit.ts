import { shown, shownLines } from "./text.ts";

/** One thing that was looked at, as a CI's list of tests has it. */
export interface JunitCase {
  readonly name: string;
  /** Beside others of which it is listed: `FW`, `premerge.newly-allowed`. */
  readonly classname: string;
  readonly durationMs?: number;
  /** Absent: it passed. `error`: nobody could tell. */
  readonly trouble?: {
    readonly kind: "failure" | "error" | "skipped";
    /** One sentence. */
    readonly message: string;
    /** More lines. */
    readonly text?: string;
  };
}

export interface JunitSuite {
  readonly name: string;
  /** An instant in UTC. */
  readonly startedAt: string;
  readonly cases: readonly JunitCase[];
}

const LONGEST = 20_000;

/**
 * Suites in the XML that JUnit's Ant task began and CI servers read (Jenkins' junit-10.xsd; GitLab takes the same): its
 * attributes and elements alone, in their order. Equal suites give equal bytes.
 */
export function renderJunit(suites: readonly JunitSuite[]): string {
  const all = suites.flatMap(({ cases }) => cases);
  const lines = suites.flatMap((suite) => suiteLines(suite));
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${attributes({ name: "phx", ...countsOf(all) })}>\n${lines.join("\n")}\n</testsuites>\n`;
}

function suiteLines({ name, startedAt, cases }: JunitSuite): readonly string[] {
  const skipped = cases.filter(({ trouble }) => trouble?.kind === "skipped").length;
  const timestamp = startedAt.slice(0, "2026-11-23T11:30:00".length);
  return [
    `  <testsuite${attributes({ name, ...countsOf(cases), skipped, timestamp })}>`,
    ...cases.map(caseText),
    "  </testsuite>",
  ];
}

function countsOf(cases: readonly JunitCase[]) {
  const count = (kind: "failure" | "error") => cases.filter(({ trouble }) => trouble?.kind === kind).length;
  const durationMs = cases.reduce((sum, each) => sum + (each.durationMs ?? 0), 0);
  return {
    tests: cases.length,
    failures: count("failure"),
    errors: count("error"),
    time: (durationMs / 1000).toFixed(3),
  };
}

function caseText({ name, classname, durationMs = 0, trouble }: JunitCase): string {
  const open = `    <testcase${attributes({ name, classname, time: (durationMs / 1000).toFixed(3) })}`;
  if (!trouble) return `${open}/>`;
  const { kind, message, text = "" } = trouble;
  const body = text === "" ? "/>" : `>${escaped(shownLines(text, LONGEST))}</${kind}>`;
  return `${open}>\n      <${kind}${attributes({ message })}${body}\n    </testcase>`;
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(shown(String(value), LONGEST))}"`)
    .join("");
}

/** Text that is none of XML's own; what no document may hold (XML 1.0 section 2.2) is made visible before. */
function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test, type TestContext } from "node:test";
import Ajv from "ajv-draft-04";
import addFormats from "ajv-formats";
import type { FirewallTexts } from "../fixtures/general-node.ts";
import { linted } from "../fixtures/linted.ts";
import { asciiJson } from "./ascii-json.ts";
import { renderSarif } from "./sarif.ts";

const SCHEMA = new URL("../../shared/schemas/sarif-schema-2.1.0-errata01.json", import.meta.url);
const ABSENT = "SARIF schema absent: not checked (PHX_NO_SHARED=1 allows it)";

interface Log {
  readonly runs: {
    readonly tool: { readonly driver: { readonly rules: { readonly id: string }[] } };
    readonly results: Result[];
  }[];
}

interface Result {
  readonly ruleId: string;
  readonly ruleIndex: number;
  readonly level: string;
  readonly message: { readonly text: string };
  readonly locations: {
    readonly physicalLocation: {
      readonly artifactLocation: { readonly uri: string };
      readonly region: { readonly startLine: number; readonly startColumn: number };
    };
  }[];
  readonly partialFingerprints: Readonly<Record<string, string>>;
}

function logOf(files: FirewallTexts): Log {
  const { findings, lints } = linted(files);
  const digests = Object.keys(files).map((name) => ({ name, sha256: "ab".repeat(32) }));
  const log = renderSarif({ version: "1.2.3", lints, findings, files: digests });
  return JSON.parse(asciiJson(log)) as Log;
}

function resultsOf(log: Log): readonly Result[] {
  return log.runs.flatMap(({ results }) => results);
}

/** The schema's check; without the schema the test fails, or with PHX_NO_SHARED=1 says so as a todo. */
function validator(t: TestContext) {
  if (!existsSync(SCHEMA)) {
    console.error(ABSENT);
    assert.equal(process.env["PHX_NO_SHARED"], "1", ABSENT);
    t.todo(ABSENT);
    return undefined;
  }
  const ajv = new Ajv.default({ strict: false, allErrors: true });
  addFormats.default(ajv);
  return ajv.compile(JSON.parse(readFileSync(SCHEMA, "utf8")) as object);
}

const FILES: FirewallTexts = {
  "cluster.fw": "[OPTIONS]\nenable: 1\n[IPSET lan]\n10.0.0.0/8\n[RULES]\nIN ACCEPT\nIN DROP -p tcp # no\n",
  "100.fw": "[OPTIONS]\nenable: 1\n[RULES]\nIN ACCEPT -p tcp -dport 80\nIN ACCEPT -p tcp -dport 80\n",
};

test("a log with findings, with none and with a hostile file's name is SARIF 2.1.0", (t) => {
  const validate = validator(t);
  if (!validate) return;
  const hostile = {
    lint: "remark",
    level: "note",
    message: "m",
    remedy: "r",
    subject: "s",
    related: [],
    count: 1,
  } as const;
  const position = { file: "a b/%\u202e#?.fw", line: 1, column: 1, pointer: "" };
  const odd = renderSarif({
    version: "1.2.3",
    lints: linted({}).lints,
    findings: [{ ...hostile, position }],
    files: [],
  });
  for (const log of [logOf(FILES), logOf({}), odd])
    assert.ok(validate(log), JSON.stringify(validate.errors?.slice(0, 5), null, 2));
});

test("the check of the schema is not empty", (t) => {
  const validate = validator(t);
  if (!validate) return;
  const log = logOf(FILES);
  const [run] = log.runs;
  const changed = { ...log, runs: [{ ...run, results: [{ ...run?.results[0], level: "finding" }] }] };
  assert.equal(validate(changed), false);
});

test("each result has its rule, its level, and a place in a file of the folder", () => {
  const log = logOf(FILES);
  const rules = log.runs[0]?.tool.driver.rules ?? [];
  assert.deepEqual(
    rules.map(({ id }) => id),
    Object.keys(linted({}).lints),
  );
  const duplicate = resultsOf(log).find(({ ruleId }) => ruleId === "duplicate-rule");
  assert.deepEqual(duplicate?.locations[0]?.physicalLocation, {
    artifactLocation: { uri: "100.fw", uriBaseId: "ESTATE" },
    region: { startLine: 5, startColumn: 1 },
  });
  for (const { ruleId, ruleIndex, level } of resultsOf(log)) {
    assert.equal(rules[ruleIndex]?.id, ruleId);
    assert.ok(level === "error" || level === "note");
  }
});

test("fingerprints are unique, and stay when lines move", () => {
  const moved = Object.fromEntries(
    Object.entries(FILES).map(([name, text]) => [
      name,
      `# one\n\n${text.replace("[RULES]", "[RULES]\n# two")}`,
    ]),
  );
  const prints = (files: FirewallTexts) =>
    resultsOf(logOf(files)).map(({ partialFingerprints }) => partialFingerprints["subject/v1"]);
  const before = prints(FILES);
  assert.equal(new Set(before).size, before.length);
  assert.deepEqual(new Set(prints(moved)), new Set(before));
});

test("nothing of a file can move or colour what prints the log", () => {
  const files = { "100.fw": "[OPTIONS]\nenable: 1\n[RULES]\nIN ACCEPT -p \u001b[31m\u202e\u009b0m\u007f\n" };
  const { findings, lints } = linted(files);
  const text = asciiJson(renderSarif({ version: "1.2.3", lints, findings, files: [] }));
  assert.match(text, /^[\n -~]*$/);
  const said = resultsOf(JSON.parse(text) as Log)
    .map(({ message }) => message.text)
    .join("\n");
  assert.match(said, /␛\[31m⟨U\+202E⟩⟨U\+009B⟩0m␡/);
});

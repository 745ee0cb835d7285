import assert from "node:assert/strict";
import { test } from "node:test";
import type { Check, Way } from "../../audit/finding.ts";
import type { Run } from "../../audit/run.ts";
import { exampleRun } from "../example.ts";
import { renderHtml } from "./page.ts";

const WAY: Way = {
  url: "https://a.test",
  layers: [
    { name: "DNS", state: "passed", words: "10.0.0.153", took: { what: "answer", ms: 1 } },
    { name: "Nginx", state: "passed", words: "verified", took: { what: "handshake", ms: 3 } },
    {
      name: "the identity",
      state: "passed",
      words: "guest 801",
      took: { what: "Traefik's wait for it", ms: 12.4 },
    },
  ],
  spans: [{ what: "Traefik in all", ms: 13 }],
};

function pageOf(...ways: Way[]): string {
  const run = exampleRun("partial");
  const checks = ways.map((way): Check => {
    return { title: "a", result: "pass", expected: "x", observed: "y", evidence: [], way };
  });
  const findings = run.findings.map((each) => (each.control === "RTE-002" ? { ...each, checks } : each));
  const changed: Run = { ...run, findings };
  return renderHtml(changed);
}

test("a way stands layer by layer, each bar behind those before it, with the times that hold several", () => {
  const page = pageOf(WAY);
  assert.match(page, /<a href="#ways">Public names<\/a>/);
  assert.match(page, /One request for each of 1 public name, as a stranger makes it: each arrives\./);
  assert.match(page, /https:\/\/a\.test<\/span> <b class="word pass">arrives<\/b>/);
  const rows = [
    ...page.matchAll(
      /<th scope="row">(\S[^<]*)<\/th><td class="pass"><b>✓ lets it on<\/b><\/td><td>([^<]*) <small>([^<]*)<\/small><\/td><td class="span"><svg [^>]*><rect x="([\d.]+)" width="([\d.]+)"/g,
    ),
  ];
  assert.deepEqual(
    rows.map((row) => row.slice(1)),
    [
      ["DNS", "1 ms", "answer", "0.0", "6.1"],
      ["Nginx", "3 ms", "handshake", "6.1", "18.3"],
      ["the identity", "12 ms", "Traefik&#39;s wait for it", "24.4", "75.6"],
    ],
  );
  assert.match(page, /Over several layers: Traefik in all 13 ms\./);
});

test("the first layer that fails is named, and its way is unfolded", () => {
  const [first, second, third] = WAY.layers;
  assert.ok(first && second && third);
  const layers = [first, { ...second, state: "failed" as const }, { ...third, state: "unknown" as const }];
  const page = pageOf(WAY, { ...WAY, url: "https://b.test", layers });
  assert.match(page, /of 2 public names, .*: 1 way of them ends before its service\./);
  assert.match(
    page,
    /<details class="way is-fail" data-search open><summary>[^\n]*https:\/\/b\.test<\/span> <b class="word fail">ends at Nginx<\/b>/,
  );
  assert.match(page, /<td class="fail"><b>✗ stops it<\/b>[^\n]*/);
});

test("a run without ways has no such section", () => {
  assert.doesNotMatch(renderHtml(exampleRun()), /id="ways"|#ways/);
});

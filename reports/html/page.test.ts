import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Browser, chromium, type Page } from "@playwright/test";
import { Run } from "../../audit/run.ts";
import { exampleRun } from "../example.ts";
import { renderHtml } from "./page.ts";
import { totals } from "./scope.ts";
import { PALETTE } from "./style.ts";

let browser: Browser;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "phx-page-"));
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"],
  });
});

after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true });
});

interface Opened {
  readonly page: Page;
  /** Console messages and errors of the page. */
  readonly messages: string[];
  readonly requests: string[];
}

async function open(
  name: string,
  run: Run,
  options: { javaScriptEnabled?: boolean; width?: number } = {},
): Promise<Opened> {
  const file = join(folder, `${name}.html`);
  await writeFile(file, renderHtml(run));
  const { width = 1280, javaScriptEnabled = true } = options;
  const context = await browser.newContext({ javaScriptEnabled, viewport: { width, height: 800 } });
  const page = await context.newPage();
  const opened: Opened = { page, messages: [], requests: [] };
  page.on("console", (message) => opened.messages.push(message.text()));
  page.on("pageerror", (error) => opened.messages.push(String(error)));
  page.on("request", (request) => opened.requests.push(request.url()));
  await page.goto(`file://${file}`);
  return opened;
}

/** The same value with the keys of every object the other way round. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, turned(inner)]),
  );
}

test("the same run gives the same bytes, whatever the order of its keys", () => {
  const first = renderHtml(exampleRun());
  assert.equal(renderHtml(exampleRun()), first);
  assert.equal(renderHtml(turned(exampleRun()) as Run), first);
});

test("the title starts with the verdict, and the page of the reference estate stays below 1 MB", () => {
  for (const kind of ["fail", "partial"] as const) {
    const html = renderHtml(exampleRun(kind));
    assert.match(html, new RegExp(`<title>${kind.toUpperCase()}: 2026-11-2`));
    assert.ok(Buffer.byteLength(html) < 1_000_000, `${Buffer.byteLength(html)} bytes`);
  }
});

test("every link of the page leads to an id that is there once, every cell to its pair", () => {
  const html = renderHtml(exampleRun());
  const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]);
  assert.equal(new Set(ids).size, ids.length, "an id stands twice");
  const targets = [...html.matchAll(/href="#([^"]*)"/g)].map((match) => match[1]);
  assert.deepEqual(
    targets.filter((target) => !ids.includes(target)),
    [],
  );
  const cells = [
    ...html.matchAll(/<td><a class="cell [a-z]+" href="#(pair-\d+-\d+)" aria-label="[^"]+: [^"]+"/g),
  ];
  assert.equal(cells.length, exampleRun().matrix.length);
  assert.equal(new Set(cells.map((match) => match[1])).size, cells.length);
});

test("a leak, a broken and an unprobed pair are told by glyph, class and words", () => {
  const run = exampleRun();
  const matrix = run.matrix
    .filter(({ from, to }) => !(from === "wan" && to === "103"))
    .map((cell) =>
      cell.from === "102" && cell.to === "801"
        ? { ...cell, state: "broken" as const, allowed: [], broken: ["tcp/8001"] }
        : cell,
    );
  const html = renderHtml({ ...run, matrix });
  assert.match(
    html,
    /class="cell leak" href="#pair-1-7" aria-label="lan to 802: leak, undeclared and delivered: tcp\/8000"[^>]*>✗</,
  );
  assert.match(
    html,
    /class="cell broken" [^>]*aria-label="102 to 801: broken, declared and not delivered: tcp\/8001"[^>]*>◌</,
  );
  assert.match(html, /class="cell unprobed" [^>]*aria-label="wan to 103: unprobed"[^>]*>·</);
});

test("declared rules stand with the packets that each decided; one without any has its flow and its reason", () => {
  const declared = { file: "a.json", line: 4, column: 9, pointer: "", snippet: "" };
  const idle = { declared, where: "guest 801", text: "IN ACCEPT -p gre", probes: 0, flow: "lan > 801 ip/47" };
  const busy = { ...idle, text: "IN ACCEPT -p tcp", probes: 1234, flow: undefined };
  const page = (coverage: Run["coverage"]) => renderHtml({ ...exampleRun(), coverage });
  const html = page([{ ...idle, reason: "<b>no" }, { ...busy }]);
  assert.match(html, /<b>1<\/b> of 2 declared rules decided no packet/);
  assert.match(
    html,
    /<th scope="row" class="mono">a\.json:4:9<\/th><td>guest 801<\/td><td class="mono">IN ACCEPT -p gre<\/td><td class="number unsure">none<\/td><td><code>lan &gt; 801 ip\/47<\/code>: &lt;b&gt;no<\/td>/,
  );
  assert.match(html, />IN ACCEPT -p tcp<\/td><td class="number ">1,234</);
  assert.match(page([busy]), /Each declared rule that was asked for \(1 of 1\) decided packets/);
  assert.match(renderHtml(exampleRun()), /does not tell which rules/);
});

test("a traced flow stands with its check: outcome, the model's hops, counters and files, of which none leads elsewhere", () => {
  const run = exampleRun();
  const checks = run.findings.flatMap((finding) => finding.checks);
  const [bad] = checks.filter(({ result }) => result === "fail");
  assert.ok(bad);
  bad.suspect = {
    observation: bad.evidence[0] ?? "",
    key: "tcp/8000",
    path: ["FORWARD into guest 801: drop, by <b>"],
  };
  assert.match(renderHtml(run), /way of tcp\/8000.*by &lt;b&gt;/s);
  bad.trace = {
    flow: "wan > 801 tcp/8000",
    outcome: "delivered",
    counters: [{ chain: "veth801i0-IN", rule: "-p tcp -j ACCEPT", before: 1200, after: 1201 }],
    frames: ["wan-801-tcp-8000.801-eth0.pcap", "../../etc/passwd"],
  };
  const page = renderHtml(run);
  assert.match(page, /<code>wan &gt; 801 tcp\/8000<\/code>: <b>delivered<\/b>/);
  assert.match(page, /<b>1,200 → 1,201<\/b> <code>veth801i0-IN<\/code>/);
  assert.ok(page.includes('<a href="./wan-801-tcp-8000.801-eth0.pcap">'));
  assert.ok(page.includes("<li>../../etc/passwd</li>"));
});

test("totals add up, and a run whose totals do not is told so", () => {
  assert.deepEqual(
    totals(exampleRun()).filter(({ adds }) => adds === false),
    [],
  );
  const run = exampleRun();
  const lost = { ...run, findings: run.findings.slice(1), observations: run.observations.slice(1) };
  assert.deepEqual(
    totals(lost)
      .filter(({ adds }) => adds === false)
      .map(({ label }) => label),
    ["Results", "Evidence that results refer to"],
  );
  assert.match(renderHtml(lost), /✗ does not add up/);
  assert.match(renderHtml(lost), /packets\/wan\/host \(not in this run\)/);
});

test("a control in scope without a finding needs attention as not run", () => {
  const run = exampleRun("partial");
  const html = renderHtml({ ...run, findings: run.findings.filter(({ control }) => control !== "DNS-001") });
  assert.match(html, /<span aria-hidden="true">○<\/span> DNS-001 <span>not run<\/span>/);
});

test("a failing check shows its missing proof, its line and its evidence; hundreds of checks fold, complete", () => {
  const run = exampleRun();
  const html = renderHtml(run);
  assert.match(html, /<li class="absent"><b>✗ silent<\/b> not proved<\/li>/);
  assert.match(html, /phoenix_lxc_configs\.json:164:9/);
  const [first] = run.findings;
  assert.ok(first);
  const check = first.checks[0];
  assert.ok(check);
  const checks = Array.from({ length: 400 }, (_, index) => ({
    ...check,
    title: `check number ${index}`,
    result: index < 30 ? ("fail" as const) : ("pass" as const),
  }));
  const many = renderHtml({
    ...run,
    findings: [{ ...first, result: "fail", checks }, ...run.findings.slice(1)],
  });
  assert.match(many, /400 checks <small>30 fail, 370 pass<\/small>/);
  assert.match(many, /<summary>5 more checks that did not pass<\/summary>/);
  assert.match(many, /<summary>370 checks that passed<\/summary>/);
  assert.equal(many.match(/check number \d+/g)?.length, 400);
});

test("every tone is readable on paper, on raised and on its own tint", () => {
  for (const [theme, palette] of Object.entries(PALETTE)) {
    const pairs: [keyof typeof palette, keyof typeof palette][] = [
      ...(["ink", "muted", "link", "pass", "part", "fail", "unsure", "idle"] as const).flatMap(
        (tone): [keyof typeof palette, keyof typeof palette][] => [
          [tone, "paper"],
          [tone, "raised"],
        ],
      ),
      ...(["pass", "part", "fail", "unsure", "idle"] as const).map(
        (tone): [keyof typeof palette, keyof typeof palette] => [tone, `${tone}Tint`],
      ),
      ...(["ink", "muted"] as const).flatMap((tone): [keyof typeof palette, keyof typeof palette][] => [
        [tone, "failTint"],
        [tone, "unsureTint"],
      ]),
      ["onFail", "fail"],
      ["paper", "ink"],
    ];
    for (const [text, ground] of pairs) {
      const ratio = contrast(palette[text], palette[ground]);
      assert.ok(ratio >= 4.5, `${theme}: ${text} on ${ground} is ${ratio.toFixed(2)}:1`);
    }
  }
});

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(a: string, b: string): number {
  const luminance = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

const HOSTILE = `</script></style></title><script>window.planted=1</script><img src=http://127.0.0.1:9/x onerror="window.planted=2">"'><a href=javascript:planted> \u202e\u2066\u200b\u001b[31m\u0000\ud800 -->\${1}`;
const KEPT = new Set([
  "format",
  "mode",
  "startedAt",
  "endedAt",
  "kind",
  "word",
  "severity",
  "scope",
  "zone",
  "state",
  "result",
  "disagreement",
  "outcome",
  "effect",
  "outcomes",
]);

/** Hostile markup in every string of a run that is free text, keys of facts included; some of them 1 MB long. */
function hostile(value: unknown, key = ""): unknown {
  if (KEPT.has(key)) return value;
  if (typeof value === "string") return value + HOSTILE;
  if (Array.isArray(value)) return value.map((item) => hostile(item, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      key === "facts" ? name + HOSTILE : name,
      key === "facts" ? `${String(inner)}${HOSTILE}` : hostile(inner, name),
    ]),
  );
}

function hostileRun(): Run {
  const run = Run.parse(hostile(exampleRun()));
  const banner = `${HOSTILE}${"A".repeat(1_000_000)}`;
  const observations = run.observations.map((observation) =>
    observation.kind === "browser"
      ? { ...observation, answer: banner, request: banner, facts: { [banner.slice(0, 9000)]: banner } }
      : observation,
  );
  return { ...run, observations, faults: [banner] };
}

test("hostile strings are text: no script runs, nothing is fetched, nothing is hidden or reordered", async () => {
  const run = hostileRun();
  const html = renderHtml(run);
  assert.ok(html.isWellFormed());
  assert.doesNotMatch(html, /[\p{Cf}\p{Cs}\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u);
  assert.equal(
    html.match(/<(?:script|style|title)\b/gi)?.length,
    4,
    "one script, one style, two titles: the page's and the drawing's",
  );
  assert.doesNotMatch(html, /<(?:img|a href=javascript)/);
  assert.match(html, /more bytes; sha256 of all/);
  assert.ok(Buffer.byteLength(html) < 8_000_000, `${Buffer.byteLength(html)} bytes`);
  const { page, messages, requests } = await open("hostile", run);
  assert.deepEqual(messages, []);
  assert.equal(requests.length, 1);
  const seen = await page.evaluate(`({
    planted: window.planted ?? "no",
    strangers: document.querySelectorAll("img,iframe,object,embed,base,form,link,[style],[onerror],[href^='javascript']").length,
    scripts: document.scripts.length,
    styles: document.querySelectorAll("style").length,
    title: document.title.startsWith("FAIL: "),
  })`);
  assert.deepEqual(seen, { planted: "no", strangers: 0, scripts: 1, styles: 1, title: true });
});

test("the policy stops what escaping would have let through", async () => {
  const { page } = await open("policy", exampleRun());
  const planted = await page.evaluate(`{
    const script = document.createElement("script");
    script.textContent = "window.planted = 1";
    document.body.append(script);
    window.planted ?? "no";
  }`);
  assert.equal(planted, "no");
});

test("with its script the page filters, searches and opens what a link points into, without a message", async () => {
  const { page, messages, requests } = await open("script", exampleRun());
  const shownControls = () => page.locator("details.control:visible").count();
  assert.equal(await shownControls(), 40);
  await page.getByRole("button", { name: "Needs attention" }).click();
  assert.equal(await shownControls(), 3);
  await page.getByRole("button", { name: "Passed" }).click();
  assert.equal(await shownControls(), 20);
  await page.getByRole("button", { name: "All", exact: true }).click();
  await page.getByRole("searchbox").fill("tcp/8000 802");
  assert.equal(await shownControls(), 1);
  assert.match(
    (await page.locator("#shown").textContent()) ?? "",
    /^1 of 40 controls, \d+ of 108 observations$/,
  );
  await page.getByRole("searchbox").press("Escape");
  assert.equal(await shownControls(), 40);
  await page.locator("a.cell.leak").click();
  assert.ok(await page.locator("#pair-1-7").isVisible());
  await page.locator("#pair-1-7 a").click();
  assert.ok(await page.locator(".observation[open]").getByText("10.0.0.50 → 10.0.0.142").isVisible());
  assert.deepEqual(messages, []);
  assert.equal(requests.length, 1);
});

test("without JavaScript everything is there and the filter is not", async () => {
  const { page } = await open("plain", exampleRun(), { javaScriptEnabled: false });
  assert.ok(await page.locator("#tools").isHidden());
  assert.equal(await page.locator("details.control:visible").count(), 40);
  await page.locator("#c-FW-002 > summary").click();
  assert.ok(await page.getByText("converge fault").isVisible());
});

test("at 320 px nothing but a table or the drawing scrolls sideways", async () => {
  const { page } = await open("narrow", exampleRun(), { width: 320 });
  await page.locator("#unfold").click();
  assert.equal(await page.evaluate("document.documentElement.scrollWidth"), 320);
});

test("in print every drawer is open, the filter is away and what was filtered out is back", async () => {
  const { page } = await open("print", exampleRun());
  await page.getByRole("button", { name: "Passed" }).click();
  await page.emulateMedia({ media: "print" });
  assert.ok(await page.locator("#tools").isHidden());
  const closed = await page.evaluate(
    `[...document.querySelectorAll("details")].filter((drawer) => !drawer.lastElementChild.checkVisibility()).length`,
  );
  assert.equal(closed, 0);
});

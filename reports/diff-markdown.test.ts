import assert from "node:assert/strict";
import { test } from "node:test";
import { type Diffed, diffed, SMALL, sideOfEstate, sideOfTexts, type Texts } from "../fixtures/diffed.ts";
import { estateWith } from "../fixtures/reference.ts";
import { code, renderDiffMarkdown } from "./diff-markdown.ts";
import { renderDiffText } from "./diff-text.ts";

const HOSTILE = [
  "@everyone see <img src=x onerror=alert(1)> </details> ```js",
  "`` [x](javascript:x) **b** | # h",
  "\u202egpj.exe\u001b[31m\u0007\u200b",
].join(" ");

/** Outside code spans nothing of a file can stand: what is left of a page without them. */
function withoutCode(page: string): string {
  return page.replaceAll(/(`+)(?!`)[^\n]*?[^`]\1(?!`)/g, "CODE");
}

test("what is hostile stands in code spans of one line, whatever is in it", () => {
  const base = sideOfEstate(estateWith(() => {}));
  const head = sideOfEstate(
    estateWith(({ lxc }) => {
      lxc.lxc_configs["801"].name = HOSTILE.replaceAll(/\p{Cc}/gu, "");
      lxc.lxc_configs["801"].firewall.rules.push({
        type: "in",
        action: "ACCEPT",
        proto: "tcp",
        port: "8080",
      });
    }),
  );
  const input: Diffed = { ...diffed(base, head), base: HOSTILE, head: `x\n\n# ${HOSTILE}` };
  const page = renderDiffMarkdown(input);
  assert.match(page, /onerror/);
  const plain = withoutCode(page);
  assert.doesNotMatch(plain, /@|<img|javascript|everyone|\*\*b/);
  assert.equal(plain.match(/<\/details>/g)?.length ?? 0, plain.match(/<details>/g)?.length ?? 0);
  for (const text of [page, renderDiffText(input)])
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202e]/);
  for (const line of renderDiffText(input).split("\n")) assert.doesNotMatch(line, /^# |^@everyone/);
});

test("a code span holds any text: its fence is longer than what is in it", () => {
  assert.equal(code("a"), "`a`");
  assert.equal(code("a`b"), "`` a`b ``");
  assert.equal(code("``"), "``` `` ```");
  assert.equal(code("a\n\n# b"), "`a # b`");
  assert.equal(code(" "), "` `");
});

/** So many guests, of which each has a rule on head; nobody else's is alike. */
function many(count: number): { readonly base: Texts; readonly head: Texts } {
  const ids = Array.from({ length: count }, (_, index) => 200 + index);
  const firewall = "[OPTIONS]\nenable: 1\n";
  const texts = (rule: (id: number) => string) =>
    Object.fromEntries(ids.map((id) => [`${id}.fw`, `${firewall}[RULES]\n${rule(id)}\n`]));
  const all = { "cluster.fw": SMALL["cluster.fw"] ?? "", interfaces: SMALL["interfaces"] ?? "" };
  return {
    base: { ...all, ...texts(() => "") },
    head: { ...all, ...texts((id) => `IN ACCEPT -source 10.0.0.13 -p tcp -dport ${id}`) },
  };
}

test("the tail of a long list is folded, and a page never is longer than a comment may be", () => {
  const few = many(12);
  const folded = renderDiffMarkdown(diffed(sideOfTexts(few.base), sideOfTexts(few.head)));
  assert.match(folded, /^#### Newly allowed \(12\)$/m);
  assert.match(folded, /\n<details><summary>4 more<\/summary>\n\n- \*\*`host -> 208`\*\*\n/);
  const input = diffed(sideOfTexts(few.base), sideOfTexts(few.head));
  const groups = Array.from({ length: 40 }, () => input.groups).flat();
  const page = renderDiffMarkdown({ ...input, groups });
  assert.ok(page.length <= 65_536 && page.length > 50_000, `${page.length}`);
  assert.match(page, /\n\d+ changes did not fit: `phx diff --format json` has all\.\n/);
  assert.match(page, /<\/details>\n/);
});

test("a change that floods conformance.json does not push out what it allows", () => {
  const governed = { owner: "o", reason: "r".repeat(400), expires: "2027-01-01" };
  const approvals = Array.from({ length: 3000 }, (_, index) => ({
    from: "wan",
    to: "102",
    flows: [`tcp ${index + 1}`],
    ticket: `T-${index} </details> @all`,
    ...governed,
  }));
  const texts = many(12);
  const head = sideOfTexts(texts.head, JSON.stringify({ approvals }));
  const page = renderDiffMarkdown(diffed(sideOfTexts(texts.base), head));
  assert.ok(page.length <= 65_536, `${page.length}`);
  assert.match(page, /^### phx diff: something is newly allowed\n/);
  assert.ok(
    page.indexOf("#### conformance.json itself changes (3000)") < page.indexOf("#### Newly allowed (12)"),
  );
  assert.equal(page.match(/^- \*\*`host -> \d+`\*\*$/gm)?.length, 12);
  assert.match(page, /\n2,9\d\d changes did not fit/);
  assert.doesNotMatch(withoutCode(page), /@all/);
});

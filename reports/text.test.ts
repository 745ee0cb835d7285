import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { flowList } from "./flows.ts";
import { duration, grouped, shown, shownLines, utc } from "./text.ts";

test("control, bidi and zero-width characters are shown as symbols or code points", () => {
  assert.equal(shown("\u001b[31mred\u0007"), "␛[31mred␇");
  assert.equal(shown("a\u202eb\u200bc\u2066\ufeff"), "a⟨U+202E⟩b⟨U+200B⟩c⟨U+2066⟩⟨U+FEFF⟩");
  assert.equal(shown("line\r\nline\ttab"), "line line tab");
  assert.equal(shownLines("one\r\n\u202etwo"), "one\n⟨U+202E⟩two");
});

test("a lone surrogate is shown by its code point, a pair stays", () => {
  assert.equal(shown("\ud800x"), "⟨U+D800⟩x");
  assert.equal(shown("😀"), "😀");
});

test("a very long value is cut between characters and its rest is counted and digested", () => {
  const text = `${"x".repeat(599)}😀${"y".repeat(1_000_000)}`;
  const cut = shown(text);
  assert.match(cut, /^x{599} … \(1,000,004 more bytes; sha256 of all [0-9a-f]{12}…\)$/);
});

test("a stack of combining marks is cut", () => {
  assert.equal(shown(`z${"\u0301".repeat(50)}`), `z${"\u0301".repeat(3)}`);
});

test("nothing that is shown hides or reorders its surroundings", () => {
  const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
  const strange = fc.constantFrom(
    "\u0000",
    "\u001b",
    "\u007f",
    "\u0085",
    "\u00ad",
    "\u200f",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2069",
    "\ud800",
    "\udc00",
    "\u{e0041}",
  );
  const unit = fc.oneof(strange, fc.string({ unit: "binary", minLength: 1, maxLength: 1 }));
  fc.assert(
    fc.property(
      fc.string({ unit, maxLength: 700 }),
      (text) => !hidden.test(shown(text)) && shown(text).isWellFormed(),
    ),
  );
});

test("flow keys are grouped by protocol, runs of ports folded, folded keys read", () => {
  assert.equal(
    flowList(["udp/53", "tcp/443", "tcp/80", "tcp/81", "tcp/79", "icmp/8"]),
    "tcp/79–81, 443 · udp/53 · icmp/8",
  );
  assert.equal(flowList(["udp/5-9", "tcp/1-79", "tcp/80"]), "tcp/1–80 · udp/5–9");
  assert.equal(flowList(Array.from({ length: 65_535 }, (_, port) => `tcp/${port + 1}`)), "tcp/1–65535");
});

test("figures and times do not depend on the locale", () => {
  assert.equal(grouped(1_179_630), "1,179,630");
  assert.deepEqual([0.2, 840, 999.7, 9_814, 124_000].map(duration), [
    "under 1 ms",
    "840 ms",
    "1.0 s",
    "9.8 s",
    "2 min 04 s",
  ]);
  assert.equal(utc("2026-11-23T11:30:00.999Z"), "2026-11-23 11:30:00 UTC");
});

import {
  getLocation,
  type JSONPath,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import type { Fault } from "./fault.ts";
import { treeOfJson } from "./json-tree.ts";
import { type Lines, positionAt } from "./position.ts";
import { CLOSE_BRACE, CLOSE_BRACKET, isBlank, OPEN_BRACE, OPEN_BRACKET, tokenEnd } from "./token.ts";

/** Real files nest about 8 deep; the parser recurses, and 10,000 levels would end its stack. */
const DEEPEST = 200;
/** Real files have some ten thousand, and 10,000 guests with 100,000 rules 3.5 million; each costs up to 200 bytes of tree or of errors. */
export const MOST_TOKENS = 3_600_000;
/** The parser puts blanks and escapes together character by character, 70 bytes each. */
const LONGEST = 1_000_000;
/** One wrong character is often several errors; after so many lines nobody reads on. */
const MOST_LINES = 20;

const nameOf = printParseErrorCode;

const EXPECTED: Record<string, string> = {
  InvalidSymbol: "a value of JSON (a string has double quotes)",
  InvalidNumberFormat: "a number of JSON",
  PropertyNameExpected: "a key in double quotes (no comma after the last)",
  ValueExpected: "a value (no comma after the last)",
  ColonExpected: "':' after the key",
  CommaExpected: "',' or the closing bracket",
  CloseBraceExpected: "'}'",
  CloseBracketExpected: "']'",
  EndOfFileExpected: "nothing after the value",
  InvalidCommentToken: "no comment: JSON has none",
  UnexpectedEndOfComment: "no comment: JSON has none",
  UnexpectedEndOfString: "'\"' on the line where the string began",
  UnexpectedEndOfNumber: "a digit",
  InvalidUnicode: "four hexadecimal digits after \\u",
  InvalidEscapeCharacter: 'an escape of JSON (\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u)',
  InvalidCharacter: "an escape in place of a control character",
};

/** Tokens that the files of one estate may still have. Reading a file takes its own. */
export interface Budget {
  tokens: number;
}

/** A text as JSON: where everything stands in it, and what it says. */
export interface Parsed {
  readonly root: Node;
  readonly value: unknown;
}

/** The text as a tree and a value, or every place where it is no JSON, one a line. Bounded in time, depth and memory. */
export function parseStrictly(lines: Lines, text: string, budget: Budget): Parsed | readonly Fault[] {
  const tooMuch = excess(lines, text, budget);
  if (tooMuch) return [tooMuch];
  try {
    return { value: JSON.parse(text), root: treeOfJson(text) };
  } catch (error) {
    const faults = error instanceof SyntaxError ? syntaxFaults(lines, text) : [];
    if (faults.length > 0) return faults;
    throw error;
  }
}

function syntaxFaults(lines: Lines, text: string): readonly Fault[] {
  const errors: ParseError[] = [];
  parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  return faultsOf(lines, text, errors);
}

function faultsOf(lines: Lines, text: string, errors: readonly ParseError[]): Fault[] {
  const sorted = errors.toSorted((a, b) => a.offset - b.offset).filter(isOwn);
  const faults = sorted.map((error, index) => {
    // Keys read after the first error may be shifted values, so only the first has a pointer.
    const path = index === 0 ? pathBefore(text, error.offset) : [];
    const position = positionAt(lines, error.offset, path);
    return {
      code: "json-syntax",
      position,
      expected: expectedAt(error),
      actual: foundAt(text, error),
    } as const;
  });
  return oneEachLine(faults).slice(0, MOST_LINES);
}

/** After a word that is no value the parser also misses the value. */
function isOwn({ error }: ParseError, index: number, errors: readonly ParseError[]): boolean {
  const before = errors[index - 1];
  return !before || nameOf(before.error) !== "InvalidSymbol" || nameOf(error) !== "ValueExpected";
}

/** Where the parser stood before this offset; a key that begins there is not part of it. */
function pathBefore(text: string, offset: number): JSONPath {
  return getLocation(text, offset - 1).path.filter((segment) => segment !== "");
}

/** The token that nests too deep, is one too many or too long: found by a walk that neither recurses nor copies. */
function excess(lines: Lines, text: string, budget: Budget): Fault | undefined {
  let depth = 0;
  let end = 0;
  for (let start = 0; start < text.length; start = end) {
    end = tokenEnd(text, start);
    const first = text.charCodeAt(start);
    if (first === OPEN_BRACE || first === OPEN_BRACKET) depth++;
    else if (first === CLOSE_BRACE || first === CLOSE_BRACKET) depth--;
    if (!isBlank(first)) budget.tokens--;
    if (depth <= DEEPEST && budget.tokens >= 0 && end - start <= LONGEST) continue;
    return {
      code: "json-syntax",
      position: positionAt(lines, start, []),
      expected: bound(depth, budget),
      actual: "more",
      remedy: "Give a Phoenix file: they have a few dozen KiB and nest about 8 deep.",
    };
  }
  return undefined;
}

function bound(depth: number, { tokens }: Budget): string {
  if (depth > DEEPEST) return `at most ${DEEPEST} levels of nesting`;
  return tokens < 0
    ? `at most ${MOST_TOKENS} tokens in the files together`
    : `at most ${LONGEST} characters in a string, a word or a run of blanks`;
}

function expectedAt({ error }: ParseError): string {
  return EXPECTED[nameOf(error)] ?? "JSON";
}

function foundAt(text: string, { error, offset }: ParseError): string {
  if (nameOf(error) === "InvalidEscapeCharacter") return "another escape in this string";
  const found = text[offset];
  if (found === undefined) return "the end of the file";
  if ("{}[]:,".includes(found)) return `'${found}'`;
  if (found === '"') return "a string";
  if (found === "/") return "a comment";
  return /[-\d]/.test(found) ? "a number" : "a word without quotes";
}

function oneEachLine(faults: readonly Fault[]): Fault[] {
  return faults.filter(({ position }, index) => position.line !== faults[index - 1]?.position.line);
}

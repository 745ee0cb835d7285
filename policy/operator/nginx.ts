import { HarnessError } from "../../errors.ts";

/** A word of a directive, as Nginx reads it: quotes and escapes undone. */
interface Word {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** `name words;` or `name words { children }`. */
export interface Directive {
  readonly name: string;
  readonly words: readonly Word[];
  readonly line: number;
  readonly column: number;
  readonly children?: readonly Directive[];
}

const DEEPEST = 64;

/**
 * What a configuration of Nginx says, as far as it is one: Nginx itself says what is wrong with the rest. A directive of
 * an unfinished text ends with it.
 * @throws HarnessError `estate-unreadable` for blocks within blocks without end.
 */
export function parseNginx(name: string, text: string): readonly Directive[] {
  const tokens = tokensOf(text);
  let next = 0;
  const block = (depth: number): Directive[] => {
    if (depth > DEEPEST) throw tooDeep(name);
    const found: Directive[] = [];
    let words: Word[] = [];
    const close = (children?: readonly Directive[]) => {
      const [first, ...others] = words;
      words = [];
      if (first)
        found.push({
          name: first.text,
          words: others,
          line: first.line,
          column: first.column,
          ...(children && { children }),
        });
    };
    while (next < tokens.length) {
      const token = tokens[next++];
      if (token === undefined || token === "}") break;
      if (token === ";") close();
      else if (token === "{") close(block(depth + 1));
      else words.push(token);
    }
    close();
    return found;
  };
  const top: Directive[] = [];
  while (next < tokens.length) top.push(...block(0));
  return top;
}

/** Every directive, those within blocks behind their own. */
export function allDirectives(directives: readonly Directive[]): Directive[] {
  return directives.flatMap((each) => [each, ...allDirectives(each.children ?? [])]);
}

type Token = Word | ";" | "{" | "}";

/** ngx_conf_read_token(): a comment starts where a word may, `${` belongs to a word, a quote ends with its like. */
function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let lineStart = 0;
  let at = 0;
  const newline = () => {
    line++;
    lineStart = at + 1;
  };
  while (at < text.length) {
    const char = text[at] ?? "";
    if (char === "\n") newline();
    if (/\s/.test(char)) at++;
    else if (char === "#") while (at < text.length && text[at] !== "\n") at++;
    else if (char === ";" || char === "{" || char === "}") {
      tokens.push(char);
      at++;
    } else {
      const start = { line, column: at - lineStart + 1 };
      tokens.push({ text: char === '"' || char === "'" ? quoted(char) : bare(), ...start });
    }
  }
  return tokens;

  function quoted(quote: string): string {
    const parts: string[] = [];
    for (at++; at < text.length && text[at] !== quote; at++) {
      if (text[at] === "\\" && at + 1 < text.length) at++;
      if (text[at] === "\n") newline();
      parts.push(text[at] ?? "");
    }
    at++;
    return parts.join("");
  }

  function bare(): string {
    const parts: string[] = [];
    for (; at < text.length; at++) {
      const char = text[at] ?? "";
      const isVariable = char === "{" && text[at - 1] === "$";
      if (/[\s;]/.test(char) || (char === "{" && !isVariable)) break;
      if (char === "\\" && at + 1 < text.length) at++;
      parts.push(text[at] ?? "");
    }
    return parts.join("");
  }
}

function tooDeep(subject: string): HarnessError {
  return new HarnessError("estate-unreadable", {
    subject,
    expected: `blocks ${DEEPEST} deep at most`,
    actual: "more",
  });
}

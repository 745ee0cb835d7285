/* Tokens of JSON by their first characters, of texts that need not be JSON. */

export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const BACKSLASH = 0x5c;

function isPunctuation(code: number): boolean {
  return (
    code === COMMA ||
    code === COLON ||
    code === OPEN_BRACE ||
    code === CLOSE_BRACE ||
    code === OPEN_BRACKET ||
    code === CLOSE_BRACKET
  );
}

/** Where the token, or the run of blanks, that starts here ends. A string ends on its line, as the parser has it. */
export function tokenEnd(text: string, start: number): number {
  const first = text.charCodeAt(start);
  let end = start + 1;
  if (isPunctuation(first)) return end;
  if (isBlank(first)) {
    while (isBlank(text.charCodeAt(end))) end++;
    return end;
  }
  if (first !== QUOTE) {
    while (end < text.length && !endsWord(text.charCodeAt(end))) end++;
    return end;
  }
  for (; end < text.length && !isLineBreak(text.charCodeAt(end)); end++) {
    const code = text.charCodeAt(end);
    if (code === QUOTE) return end + 1;
    if (code === BACKSLASH) end++;
  }
  return Math.min(end, text.length);
}

function endsWord(code: number): boolean {
  return code === QUOTE || isBlank(code) || isPunctuation(code);
}

export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || isLineBreak(code);
}

function isLineBreak(code: number): boolean {
  return code === 0x0a || code === 0x0d;
}

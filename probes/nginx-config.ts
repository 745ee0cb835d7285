/** One directive of an Nginx configuration, with its block where it has one. */
export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  /** The file that holds it, where the text is `nginx -T`'s. */
  readonly file: string;
  readonly line: number;
  readonly block: readonly Directive[];
}

/**
 * Reads what `nginx -T` prints, or a file: the words, quotes, comments and blocks of ngx_conf_file.c. A block that Nginx hands
 * to another language (`content_by_lua_block`) is not known. An end too few or too many ends the text. It shares no line with
 * policy/operator/nginx.ts, which reads the files as they are declared: a probe that took the declaration's reading for what
 * runs would have its defects too, and see nothing where both are wrong.
 */
export function parseNginx(text: string): Directive[] {
  const tokens = new Tokens(text);
  return block(tokens);
}

function block(tokens: Tokens): Directive[] {
  const found: Directive[] = [];
  let words: string[] = [];
  let place = { file: "", line: 0 };
  for (let token = tokens.next(); token !== undefined && token.mark !== "}"; token = tokens.next()) {
    if (token.mark === undefined) {
      if (words.length === 0) place = { file: tokens.file, line: tokens.line };
      words.push(token.word);
      continue;
    }
    const [name = "", ...args] = words;
    words = [];
    const inner = token.mark === "{" ? block(tokens) : [];
    if (name) found.push({ name, args, ...place, block: inner });
  }
  return found;
}

type Token = { readonly mark: "{" | "}" | ";" } | { readonly mark: undefined; readonly word: string };

/* A word ends at white space, `;` or `{`; `${name}` is inside of it. */
const TOKEN =
  /\s+|#[^\n]*|[{};]|"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'|(?:\\[^]|\$\{[^}]*\}|[^\s;{])(?:\\[^]|\$\{[^}]*\}|[^\s;{])*/y;
const FILE = /^# configuration file (.+):$/;

class Tokens {
  readonly #text: string;
  #at = 0;
  file = "";
  line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  next(): Token | undefined {
    for (;;) {
      TOKEN.lastIndex = this.#at;
      const [found = ""] = TOKEN.exec(this.#text) ?? [];
      if (!found) return undefined;
      this.#at += found.length;
      const file = FILE.exec(found)?.[1];
      if (file !== undefined) {
        this.file = file;
        this.line = 0;
      }
      this.line += found.split("\n").length - 1;
      if (found === "{" || found === "}" || found === ";") return { mark: found };
      if (/^[\s#]/.test(found)) continue;
      const quoted = /^(["'])([^]*)\1$/.exec(found);
      return { mark: undefined, word: (quoted?.[2] ?? found).replaceAll(/\\([^])/g, "$1") };
    }
  }
}

import { LONGEST, shown } from "../text.ts";

/** Markup that is safe to put into the page as it is. Only `html` and `raw` make one. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Part = Html | string | number | undefined | false | readonly Part[];

/** Markup with values: a value is escaped, made visible and cut (`shown`) unless it is markup already. */
export function html(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Html(strings.map((text, index) => text + print(values[index])).join(""));
}

/** Only for constants of this folder and for text that was escaped. */
export function raw(text: string): Html {
  return new Html(text);
}

/** A value that may be longer than a line: escaped and made visible, cut at `longest`. */
export function long(text: string, longest: number): Html {
  return new Html(escape(shown(text, longest)));
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

function print(part: Part): string {
  if (part === undefined || part === false) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(print).join("");
  return escape(shown(String(part), LONGEST));
}

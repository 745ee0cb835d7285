/**
 * A value as JSON whose strings can do nothing to a terminal or a page: what is not printable ASCII stands as `\u` and four
 * digits, and parses to the same.
 */
export function asciiJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  return text.replace(/[^\n -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

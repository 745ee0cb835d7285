import type { Guest } from "../policy/estate.ts";

/** Equal texts counted, most first: `16 REFUSED, 2 NXDOMAIN`. */
export function describe(texts: readonly string[]): string {
  const MOST = 4;
  const groups = [...Map.groupBy(texts, (text) => text)].sort(([, a], [, b]) => b.length - a.length);
  const words = groups.slice(0, MOST).map(([text, each]) => `${each.length} × ${text}`);
  return `${words.join("; ")}${groups.length > MOST ? ` and ${groups.length - MOST} kinds more` : ""}`;
}

/** A guest in a sentence. */
export function guestInWords(guest: Guest): string {
  return `guest ${guest.id} (${guest.name})`;
}

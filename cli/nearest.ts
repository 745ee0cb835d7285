/** The candidate that a typing error made of `word`: at most two letters apart, or begun with it. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const begun = word.length > 1 ? candidates.filter((candidate) => candidate.startsWith(word)) : [];
  const ranked = candidates
    .map((candidate) => ({ candidate, apart: distance(word, candidate) }))
    .filter(({ candidate, apart }) => apart <= 2 && apart < candidate.length - 1)
    .sort((a, b) => a.apart - b.apart);
  return begun[0] ?? ranked[0]?.candidate;
}

/** Letters to add, drop or change, Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of a.split("").entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split("").entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

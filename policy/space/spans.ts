/** Numbers from `first` to `last`, both included. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

export function single(value: number): Span {
  return { first: value, last: value };
}

/** Spans in order, those that touch or overlap made one. */
export function joined(spans: readonly Span[]): readonly Span[] {
  if (spans.length < 2) return spans;
  const found: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.first - b.first)) {
    const before = found.at(-1);
    if (!before || span.first > before.last + 1) found.push(span);
    else if (span.last > before.last) found[found.length - 1] = { first: before.first, last: span.last };
  }
  return found;
}

/** What is in both; each is joined. */
export function common(a: readonly Span[], b: readonly Span[]): readonly Span[] {
  const found: Span[] = [];
  for (let i = 0, j = 0; ; ) {
    const [left, right] = [a[i], b[j]];
    if (!left || !right) return found;
    const [first, last] = [Math.max(left.first, right.first), Math.min(left.last, right.last)];
    if (first <= last) found.push({ first, last });
    if (left.last <= right.last) i++;
    else j++;
  }
}

/** What is left of the numbers from 0 to `last`. */
export function others(spans: readonly Span[], last: number): readonly Span[] {
  const found: Span[] = [];
  let next = 0;
  for (const span of spans) {
    if (next < span.first) found.push({ first: next, last: span.first - 1 });
    next = span.last + 1;
  }
  return next <= last ? [...found, { first: next, last }] : found;
}

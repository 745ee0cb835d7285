/**
 * Flow keys for a reader, ports in order and runs of ports folded: `tcp/22, 53, 79–81 · udp/53 · icmp/8`. A key that
 * is no `protocol/number` stands as it is, at the end.
 */
export function flowList(keys: readonly string[]): string {
  const byProtocol = new Map<string, number[]>();
  const others: string[] = [];
  for (const key of keys) {
    const match = /^([a-z]+)\/(\d{1,5})$/.exec(key);
    if (!match?.[1] || !match[2]) others.push(key);
    else if (byProtocol.has(match[1])) byProtocol.get(match[1])?.push(Number(match[2]));
    else byProtocol.set(match[1], [Number(match[2])]);
  }
  const groups = [...byProtocol].sort(([a], [b]) => rank(a) - rank(b));
  return [...groups.map(([protocol, numbers]) => `${protocol}/${ranges(numbers)}`), ...others.sort()].join(
    " · ",
  );
}

function rank(protocol: string): number {
  const index = ["tcp", "udp", "icmp", "ip"].indexOf(protocol);
  return index < 0 ? 9 : index;
}

function ranges(numbers: readonly number[]): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const number of sorted) {
    const last = runs.at(-1);
    if (last && last[1] + 1 === number) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(", ");
}

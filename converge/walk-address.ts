/** Addresses and sets as the kernel has them, for `iptables-walk.ts`: written anew, so that a defect of the model's is seen. */

interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

interface SetEntry {
  readonly address: Address;
  readonly prefix: number;
  readonly nomatch: boolean;
}

/** The kernel's sets by name. */
export type Sets = ReadonlyMap<string, readonly SetEntry[]>;

function addressOf(text: string): Address {
  if (!text.includes(":")) return { bits: 32, value: joined(text.split("."), 10, 8n) };
  const [head = [], tail] = text.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const groups = [
    ...head,
    ...Array<string>(8 - head.length - (tail?.length ?? 0)).fill("0"),
    ...(tail ?? []),
  ];
  return { bits: 128, value: joined(groups, 16, 16n) };
}

function joined(parts: readonly string[], base: number, width: bigint): bigint {
  return parts.reduce((value, part) => (value << width) + BigInt(Number.parseInt(part, base)), 0n);
}

/** Whether the networks of a comma list have the address. */
export function inNetworks(list: string, address: string): boolean {
  const { bits, value } = addressOf(address);
  return list.split(",").some((network) => {
    const [base = "", length = `${bits}`] = network.split("/");
    return isWithin(addressOf(base), Number(length), { bits, value });
  });
}

export function inRange(range: string, address: string): boolean {
  const [first, last] = range.split("-").map((end) => addressOf(end).value);
  const { value } = addressOf(address);
  return first !== undefined && last !== undefined && value >= first && value <= last;
}

function isWithin(base: Address, prefix: number, { bits, value }: Address): boolean {
  const rest = BigInt(bits - prefix);
  return base.bits === bits && base.value >> rest === value >> rest;
}

/** Reads the input of `ipset restore`. */
export function parseSets(text: string): Sets {
  const sets = new Map<string, SetEntry[]>();
  for (const line of text.split("\n")) {
    const [command, name = "", network = "", nomatch] = line.split(" ");
    if (command === "create") sets.set(name, []);
    if (command !== "add") continue;
    const [base = "", length] = network.split("/");
    const address = addressOf(base);
    const prefix = length === undefined ? address.bits : Number(length);
    sets.get(name)?.push({ address, prefix, nomatch: nomatch === "nomatch" });
  }
  return sets;
}

/** hash:net: the longest prefix that has the address decides. */
export function inSet(sets: Sets, name: string, text: string): boolean {
  const entries = sets.get(name);
  if (!entries) throw new Error(`no set ${name}`);
  const address = addressOf(text);
  const holding = entries.filter((entry) => isWithin(entry.address, entry.prefix, address));
  const [longest] = holding.toSorted((a, b) => b.prefix - a.prefix);
  return longest !== undefined && !longest.nomatch;
}

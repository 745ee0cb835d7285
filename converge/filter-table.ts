export type IpVersion = 4 | 6;

/** A chain and its lines, in order, without `-A NAME`. */
export interface IptablesChain {
  readonly name: string;
  readonly lines: readonly string[];
}

/** Proxmox could not write it: what asked for it goes without, what was written before stays (`pve-firewall.md`, trap 1). */
export class NotWritten extends Error {
  override readonly name = "NotWritten";
}

/** Proxmox's own limit; the kernel's is 28 too. */
const LONGEST_CHAIN = 28;

/** One family's filter table while it is written; chains come in the order in which they were begun. */
export class FilterTable {
  readonly version: IpVersion;
  readonly #chains = new Map<string, string[]>();

  constructor(version: IpVersion) {
    this.version = version;
  }

  /** @throws NotWritten where the name is too long or taken */
  begin(chain: string, ...lines: readonly string[]): void {
    if (chain.length > LONGEST_CHAIN) throw new NotWritten(`the chain's name ${chain} is too long`);
    if (this.#chains.has(chain)) throw new NotWritten(`the chain ${chain} was begun before`);
    this.#chains.set(chain, [...lines]);
  }

  has(chain: string): boolean {
    return this.#chains.has(chain);
  }

  append(chain: string, ...lines: readonly string[]): void {
    this.#linesOf(chain).push(...lines);
  }

  insert(chain: string, line: string): void {
    this.#linesOf(chain).unshift(line);
  }

  chains(): readonly IptablesChain[] {
    return [...this.#chains].map(([name, lines]) => ({ name, lines }));
  }

  #linesOf(chain: string): string[] {
    const lines = this.#chains.get(chain);
    if (!lines) throw new TypeError(`no chain ${chain}`);
    return lines;
  }
}

/** Goes on where something could not be written. */
export function attempt(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!(error instanceof NotWritten)) throw error;
  }
}

/** A whole table as `iptables-restore` takes it, its hooks leading to Proxmox's chains where those are. */
export function tableText(
  table: "filter" | "raw",
  hooks: readonly string[],
  chains: readonly IptablesChain[],
): string {
  const names = new Set(chains.map(({ name }) => name));
  return [
    `*${table}`,
    ...hooks.map((hook) => `:${hook} ACCEPT [0:0]`),
    ...chains.map(({ name }) => `:${name} - [0:0]`),
    ...hooks.filter((hook) => names.has(`PVEFW-${hook}`)).map((hook) => `-A ${hook} -j PVEFW-${hook}`),
    ...chains.flatMap(({ name, lines }) => lines.map((line) => `-A ${name} ${line}`)),
    "COMMIT",
    "",
  ].join("\n");
}

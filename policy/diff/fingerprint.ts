import type { Family } from "../ip.ts";
import type { Pass } from "../passes.ts";
import type { Broadcasts } from "../shared-chains.ts";

/** What passes ask, as numbers: two with one number do the same to every packet, whatever their lines are called. */
export class Fingerprints {
  readonly #known = new Map<string, number>();
  readonly #numbers = new Map<string, number>();
  readonly #values = new WeakMap<object, string>();

  /** `side` tells apart passes of one name; its broadcast addresses are what its shared chains ask for. */
  of(side: string, broadcasts: Broadcasts, pass: Pass, family: Family): number {
    const key = `${side} ${pass.hook} ${pass.where} ${pass.device} ${family}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const text = `${[...broadcasts].join(" ")} ${this.#make(pass, family)}`;
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    this.#known.set(key, number);
    return number;
  }

  #make({ hook, device, asks, otherwise }: Pass, family: Family): string {
    const { verdict, reject } = otherwise(family);
    return JSON.stringify([hook, device, family, asks(family), verdict, reject], (key, value: unknown) => {
      if (key === "decider") return undefined;
      if (typeof value === "bigint") return `${value}n`;
      // Sets and groups are shared by many lines, and may be long.
      const isShared = key === "sourceSet" || key === "destSet" || key === "notSourceSet" || key === "group";
      return isShared && typeof value === "object" && value !== null ? this.#digest(value) : value;
    });
  }

  #digest(value: object): string {
    const known = this.#values.get(value) ?? this.#write(value);
    this.#values.set(value, known);
    return known;
  }

  #write(value: object): string {
    return JSON.stringify(value, (key, each: unknown) => {
      if (key === "decider" || key === "name") return undefined;
      return typeof each === "bigint" ? `${each}n` : each;
    });
  }
}

import { HarnessError } from "../../errors.ts";
import type { Bench } from "./bench.ts";

/** One thing to ask of a component: what came of it, in words that stay the same as long as it behaves the same. */
export type Ask = (bench: Bench) => Promise<string>;

/** Rows of a list by their id. */
export type Rows = Readonly<Record<string, Ask>>;

/** What came of a row; `reason`: why nothing could be seen. */
export interface Asked {
  readonly id: string;
  readonly observed?: string;
  readonly reason?: string;
}

const AT_ONCE = 8;

/** Asks every row, so many side by side; a row that breaks says why and the others go on. */
export async function askRows(rows: Rows, bench: Bench): Promise<Asked[]> {
  const waiting = Object.entries(rows);
  const asked: Asked[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) asked.push(await one(next, bench));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return Object.keys(rows).flatMap((id) => asked.find((each) => each.id === id) ?? []);
}

async function one([id, ask]: readonly [string, Ask], bench: Bench): Promise<Asked> {
  try {
    return { id, observed: await ask(bench) };
  } catch (error) {
    if (error instanceof HarnessError) throw error;
    return { id, reason: error instanceof Error ? error.message : String(error) };
  }
}

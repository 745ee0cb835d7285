import type { Server } from "../../policy/operator/operator.ts";

/** What the lab has in place of something that the operator's files name, or beside them. */
export interface Mapped {
  readonly server: Server;
  /** As the files have it: a path in the guest, a key, a file of the checkout. */
  readonly what: string;
  /** What it is in the lab; empty: dropped. */
  readonly becomes: string;
  readonly why: string;
}

/** The table for a person, a line each; empty where nothing is mapped. */
export function printMapping(mapped: readonly Mapped[]): string {
  return mapped
    .map(
      ({ server, what, becomes, why }) => `${server.padEnd(8)} ${what} -> ${becomes || "dropped"} (${why})\n`,
    )
    .join("");
}

import type { Position } from "../estate.ts";
import type { Flow } from "../flow.ts";

/** One operation of a JSON Patch, RFC 6902, and the file it is for, relative to the declaration's folder. */
export type PatchOperation = {
  readonly file: string;
  /** RFC 6901; `-` as the last segment is behind an array's end. */
  readonly path: string;
} & (
  | { readonly op: "add" | "replace"; readonly value: unknown }
  | { readonly op: "remove" }
  | { readonly op: "move"; readonly from: string }
);

/** How a statement is broken, by the declaration alone. */
export interface Violation {
  /** One sentence: who reaches what, or what leads where. */
  readonly message: string;
  /** What lets it through, or what is wrong. */
  readonly position: Position;
  /** A packet that the model decides otherwise than the statement asks; absent where none is concerned. */
  readonly witness?: Flow;
  readonly remedy: string;
  /** Applied in this order the violation is gone; absent where only a person can say what was meant. */
  readonly patch?: readonly PatchOperation[];
}

/** What became of a control's statement, for every packet, name and route that the declaration can tell apart. */
export interface Proof {
  readonly control: string;
  /** What is decided here, where that is less than the control's own statement. */
  readonly statement: string;
  /** Over what it was decided: `4 sources, 9 destinations, all of IPv4's packets`. */
  readonly space: string;
  /** Why it could not be decided, so that no violation is no proof; absent where it was. */
  readonly undecided?: string;
  /** None: proved. */
  readonly violations: readonly Violation[];
  /** Facts beside it, e.g. what Proxmox opens and no file. */
  readonly notes: readonly string[];
}

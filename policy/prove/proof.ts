import type { Position } from "../estate.ts";
import type { Decider, Flow } from "../flow.ts";

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

/** What mends a violation: in words, and as operations to be applied in this order. */
export interface Mending {
  readonly remedy: string;
  readonly patch: readonly PatchOperation[];
}

/** How a statement is broken, by the declaration alone. */
export interface Violation {
  /** One sentence: who reaches what, or what leads where. */
  readonly message: string;
  /** What lets it through, or what is wrong. */
  readonly position: Position;
  /** A packet that the model decides otherwise than the statement asks; absent where none is concerned. */
  readonly witness?: Flow;
  readonly remedy: string;
  /** Applied in this order the violation is gone and no other one there; absent where there is no such patch. */
  readonly patch?: readonly PatchOperation[];
  /** Why there is no patch. */
  readonly unpatched?: string;
}

/** A violation of which no remedy was tried yet. */
export interface Found extends Violation {
  /** The line that lets in too much: what closes it is tried. */
  readonly decider?: Decider;
  /** To be tried where the patch breaks another control. */
  readonly instead?: Mending;
}

/** What became of a control's statement, for every packet, name and route that the declaration can tell apart. */
export interface Proof<V extends Violation = Violation> {
  readonly control: string;
  /** What is decided here, where that is less than the control's own statement. */
  readonly statement: string;
  /** Over what it was decided: `4 sources, 9 destinations, all of IPv4's packets`. */
  readonly space: string;
  /** Why it could not be decided, so that no violation is no proof; absent where it was. */
  readonly undecided?: string;
  /** None: proved. */
  readonly violations: readonly V[];
  /** Facts beside it, e.g. what Proxmox opens and no file. */
  readonly notes: readonly string[];
}

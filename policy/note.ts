import type { Change, Note, Position } from "./estate.ts";

/** A finding of CFG-001: the files load, but do not agree with the format or with each other. */
export function inconsistent(position: Position, message: string, remedy: string, change?: Change): Note {
  return { control: "CFG-001", message, position, remedy, ...(change && { change }) };
}

/** Worth reading, never a finding. */
export function remark(position: Position, message: string, remedy: string): Note {
  return { control: "note", message, position, remedy };
}

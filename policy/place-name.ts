import type { Note, Position } from "./estate.ts";
import { remark } from "./note.ts";

interface NamedGuest {
  readonly id: string;
  readonly name: string;
  readonly position: Position;
}

/** Places that are no guest's. */
const PLACES = new Set(["host", "wan", "lan", "outside"]);

/** Guests whose name means another place: a flow's end of that name is that place, never the guest. */
export function placeNameNotes(guests: readonly NamedGuest[]): Note[] {
  const ids = new Set(guests.map(({ id }) => id));
  return guests.flatMap(({ id, name, position }) => {
    const word = name.toLowerCase();
    if (word === id || !(PLACES.has(word) || ids.has(word))) return [];
    const whose = PLACES.has(word) ? "a place of its own" : "another guest's id";
    const message = `the name of guest ${id}, ${name}, is ${whose}: it can't name the guest`;
    return [remark(position, message, `Name the guest by its id, ${id}, or give it another name.`)];
  });
}

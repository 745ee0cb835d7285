import type { Estate } from "../estate.ts";
import type { Proof } from "./proof.ts";

/** CFG-001: what reading the files found that does not fit together. */
export function proveFiles({ files, guests, notes }: Estate): Proof {
  const found = notes.filter(({ control }) => control === "CFG-001");
  return {
    control: "CFG-001",
    statement:
      "The files have no unknown key in what is read, and agree on ids, addresses, names, ports and references.",
    space: `${files.length} files, ${guests.length} guests`,
    violations: found.map(({ message, position, remedy }) => ({ message, position, remedy })),
    notes: [],
  };
}

import type { Estate, Note, Position } from "../estate.ts";
import { proveExternalNames, proveNoLeak } from "./external-names.ts";
import { proveInternalNames } from "./internal-names.ts";
import type { Found, Mending, Proof } from "./proof.ts";
import { renamingOf } from "./renaming.ts";

/** CFG-001: what reading the files found that does not fit together. */
export function proveFiles(estate: Estate): Proof<Found> {
  const { files, guests, notes } = estate;
  const found = notes.filter(({ control }) => control === "CFG-001");
  const corrections = found.length > 0 ? correctionsOf(estate) : [];
  return {
    control: "CFG-001",
    statement:
      "The files have no unknown key in what is read, and agree on ids, addresses, names, ports and references.",
    space: `${files.length} files, ${guests.length} guests`,
    violations: found.map((note) => {
      const { message, position, remedy } = note;
      const renaming = renamed(estate, note);
      const [first, instead] = [
        ...mendingsOf(note),
        ...(renaming ? [renaming] : []),
        ...corrected(note, corrections),
      ];
      return { message, position, remedy, ...first, ...(instead && { instead }) };
    }),
    notes: [],
  };
}

/** Of a note that says what is to become of its value, the best first. */
export function mendingsOf({ position: { file, pointer }, remedy, change }: Note): readonly Mending[] {
  const removal: Mending = { remedy: "Delete it.", patch: [{ file, op: "remove", path: pointer }] };
  switch (change?.kind) {
    case "rename": {
      const path = `${pointer.slice(0, pointer.lastIndexOf("/"))}/${change.key}`;
      const words = `Write "${change.key}".`;
      return [{ remedy: words, patch: [{ file, op: "move", from: pointer, path }] }, removal];
    }
    case "remove":
      return [{ ...removal, remedy }];
    case undefined:
      return [];
  }
}

/** Whether a value stands in the one at the other position. */
export function isBelow(position: Position, { file, pointer }: Position): boolean {
  return position.file === file && position.pointer.startsWith(`${pointer}/`);
}

/** A routed name that no certificate can carry. */
function renamed(estate: Estate, { message, position }: Note): Mending | undefined {
  const route = estate.routes.find(
    ({ hostname, position: { file, pointer } }) =>
      file === position.file && pointer === position.pointer && message.startsWith(`${hostname} `),
  );
  return route && renamingOf(estate, route.hostname);
}

/** What the controls of names would correct. */
function correctionsOf(estate: Estate): readonly Found[] {
  return [proveInternalNames, proveExternalNames, proveNoLeak].flatMap((prove) => prove(estate).violations);
}

/** A record's address is corrected as the control of its name does it: one cause, one remedy. */
function corrected({ position }: Note, corrections: readonly Found[]): readonly Mending[] {
  return corrections.flatMap(({ position: own, remedy, patch }) => {
    const isOwn = own.file === position.file && own.pointer === position.pointer;
    return patch && (isOwn || isBelow(own, position)) ? [{ remedy, patch }] : [];
  });
}

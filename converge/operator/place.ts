import { KEYS } from "../layout.ts";
import type { Resource } from "../resource.ts";

type File = Extract<Resource, { kind: "file" }>;

/** Keys and certificates of the lab that stand in for the operator's. */
const HELD = {
  "the throwaway public CA's certificate for the public names": KEYS.edgeChain,
  "the key of that certificate": KEYS.edgeKey,
  "the throwaway public CA's root": KEYS.publicRoot,
  "the root of the lab's Step-CA": KEYS.root,
  "the intermediate certificate of the lab's Step-CA": KEYS.intermediate,
  "the key of the lab's Step-CA": KEYS.intermediateKey,
} as const;
export type Held = keyof typeof HELD;

/** A file of a server's jail with a text of its own. */
export function fileIn(root: string, path: string, content: string): File {
  return { kind: "file", key: `file ${root}${path}`, path: `${root}${path}`, content };
}

/** A file of a server's jail that holds what only the lab knows. */
export function heldIn(root: string, path: string, held: Held): File {
  return { ...fileIn(root, path, held), insert: { word: held, path: HELD[held] } };
}

export function folderAbove(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

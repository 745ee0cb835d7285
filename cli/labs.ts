import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { usage } from "./arguments.ts";

/** What a verb works on where it is given no folder: the estate that comes with phx. */
export const REFERENCE_FOLDER = fileURLToPath(new URL("../fixtures/estates/reference", import.meta.url));

const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** The name of a lab, as `--lab` gives it; it becomes a folder's name. Throws `usage`. */
export function requireLabName(verb: string, name: string): string {
  if (NAME.test(name)) return name;
  throw usage(verb, "a lab's name of at most 40 lower-case letters, digits and dashes", JSON.stringify(name));
}

/** The lab that an estate's folder is converged in by default: the folder's own name, `my_Estate` as `my-estate`. */
export function labNameOf(folder: string): string {
  const path = resolve(folder);
  const named = [path, dirname(path)].map((each) => sanitize(basename(each)));
  return named.find((name) => name !== "") ?? "estate";
}

function sanitize(name: string): string {
  const dashed = name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return dashed.replace(/^-+/, "").slice(0, 40).replace(/-+$/, "");
}

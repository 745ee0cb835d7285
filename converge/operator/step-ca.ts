import { type Estate, guestOf } from "../../policy/estate.ts";
import { filesOf } from "../../policy/operator/operator.ts";
import { withProperties } from "../../policy/phoenix/json-edit.ts";
import { PROVISIONER_KEY, BACKEND_PROVISIONER } from "../authority.ts";
import { folderOf, KEYS } from "../layout.ts";
import type { Resource } from "../resource.ts";
import { jailed } from "./jail.ts";
import type { Mapped } from "./mapping.ts";
import { fileIn, heldIn } from "./place.ts";

const CONF = "/etc/step-ca";
const ROOT = `${CONF}/certs/root_ca.crt`;
const CERTIFICATE = `${CONF}/certs/intermediate_ca.crt`;
const KEY = `${CONF}/secrets/intermediate_ca_key`;

interface CaFile {
  readonly root?: unknown;
  readonly db?: { readonly type?: string; readonly dataSource?: string };
  readonly authority?: { readonly provisioners?: readonly { readonly name?: string }[] };
  readonly [key: string]: unknown;
}

/** Step-CA on the operator's ca.json: what the lab holds of it, how it is started, what was mapped. */
export function operatorStepCa(estate: Estate) {
  const root = stepCaRoot(estate);
  const [file] = filesOf(estate, "step-ca");
  if (!file) throw new TypeError("no ca.json");
  const mapped: Mapped[] = [];
  const add = (what: string, becomes: string, why: string) =>
    mapped.push({ server: "step-ca", what, becomes, why });
  const text = mappedText(file.text, add);
  const insert = { word: JSON.stringify(PROVISIONER_KEY), path: KEYS.provisionerPublic };
  const resources: Resource[] = [
    { ...fileIn(root, file.path, text), insert },
    heldIn(root, ROOT, "the root of the lab's Step-CA"),
    heldIn(root, CERTIFICATE, "the intermediate certificate of the lab's Step-CA"),
    heldIn(root, KEY, "the key of the lab's Step-CA"),
  ];
  const resolvConf = `${folderOf(guestOf(estate, "ca").id)}/resolv.conf`;
  const argv = jailed(root, resolvConf, [`${CONF}/db`], "{step-ca}", [file.path]);
  return { resources, argv, mapped };
}

function stepCaRoot(estate: Estate): string {
  return `${folderOf(guestOf(estate, "ca").id)}/root`;
}

/** What is no JSON object, or has no authority, goes to Step-CA as it is: it says what is wrong. */
function mappedText(text: string, add: (what: string, becomes: string, why: string) => void): string {
  let file: CaFile;
  try {
    file = JSON.parse(text) as CaFile;
  } catch {
    return text;
  }
  const provisioners: unknown = file?.authority?.provisioners;
  if (!Array.isArray(provisioners)) return text;
  const own = "the lab has keys and certificates of its own";
  const values: { path: string[]; value: unknown }[] = [];
  const set = (path: string[], value: unknown, becomes: string, why: string) => {
    values.push({ path, value });
    add(`ca.json /${path.join("/")}`, becomes, why);
  };
  set(["root"], ROOT, "the root of the lab's Step-CA", own);
  set(["crt"], CERTIFICATE, "its intermediate certificate", own);
  set(["key"], KEY, "its key", own);
  set(["logger"], { format: "json" }, "the format json", "the controls read the CA's record of orders");
  const backends = { type: "JWK", name: BACKEND_PROVISIONER, key: PROVISIONER_KEY };
  set(
    ["authority", "provisioners"],
    [...(provisioners as unknown[]), backends],
    `those of the file, and ${BACKEND_PROVISIONER} of the lab`,
    "by it the lab's backends get certificates",
  );
  if (file.db !== undefined)
    set(
      ["db"],
      { type: "badgerv2", dataSource: `${CONF}/db`, badgerFileLoadingMode: "FileIO" },
      `a database in ${CONF}/db`,
      "the lab starts with none",
    );
  for (const key of ["password", "kms", "federatedRoots", "templates"])
    if (file[key] !== undefined)
      set([key], undefined, "", "the lab's key is a plain file, and it has no other root");
  return withProperties(text, values);
}

import type { Estate } from "../estate.ts";
import { proveEgress } from "./egress.ts";
import { proveNarrow } from "./narrow.ts";
import type { Found, Proof } from "./proof.ts";
import { proveServices } from "./prove.ts";
import { proveReaches } from "./reaches.ts";

/** Families of controls in the catalogue's order. */
const FAMILIES = ["FW", "EDGE", "RTE", "SEG", "PKI", "DNS", "CFG"];

/** What the declaration alone decides: a proof each, in the catalogue's order, without a trial of any remedy. Pure. */
export function findAll(estate: Estate): readonly Proof<Found>[] {
  const place = ({ control }: Proof) => FAMILIES.indexOf(control.split("-")[0] ?? "");
  const proofs = [
    ...proveReaches(estate),
    proveNarrow(estate),
    proveEgress(estate),
    ...proveServices(estate),
  ];
  return proofs.sort((a, b) => place(a) - place(b) || (a.control < b.control ? -1 : 1));
}

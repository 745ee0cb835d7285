import { type DnsRecord, type Estate, guestOf } from "../estate.ts";
import { horizonOf } from "../zone.ts";
import { hasValue, positionIn } from "./declaration.ts";
import { ownerOf } from "./owners.ts";
import type { PatchOperation, Proof, Violation } from "./proof.ts";
import { placeInWords } from "./way.ts";

/** DNS-001: what an outsider is answered leads to Nginx and nowhere else. */
export function proveExternalNames(estate: Estate): Proof {
  const { address } = guestOf(estate, "gateway");
  const { external } = estate.dns;
  return {
    control: "DNS-001",
    statement: "Every external record is Nginx's address.",
    space: `${external.length} external records`,
    violations: external.filter((record) => record.address !== address).map((each) => astray(estate, each)),
    notes: [],
  };
}

function astray(estate: Estate, record: DnsRecord): Violation {
  const { address } = guestOf(estate, "gateway");
  const message = `outside ${record.name} is ${record.address}, and not Nginx's ${address}`;
  return { message, position: addressPosition(estate, record), ...corrected(estate, record) };
}

/** DNS-003: no internal name, and no address but Nginx's of what is inside, stands in an external record. */
export function proveNoLeak(estate: Estate): Proof {
  const { external } = estate.dns;
  return {
    control: "DNS-003",
    statement: "No external record has an internal name, or the address of anything inside but Nginx.",
    space: `${external.length} external records`,
    violations: external.flatMap((record) => leak(estate, record) ?? []),
    notes: [],
  };
}

function leak(estate: Estate, record: DnsRecord): Violation | undefined {
  const position = addressPosition(estate, record);
  if (isInternal(estate, record)) {
    const message = `outsiders are told of ${record.name}, a name of the internal zone`;
    return { message, position, ...removed(estate, record) };
  }
  const owner = ownerOf(estate, record.address);
  if (owner === undefined || owner === guestOf(estate, "gateway").id) return undefined;
  const message = `${record.name} tells outsiders the address of ${placeInWords(estate, owner)}, ${record.address}`;
  return { message, position, ...corrected(estate, record) };
}

function isInternal({ dns }: Estate, { name }: DnsRecord): boolean {
  return horizonOf(name, { external: dns.externalZone, internal: dns.internalZone }) === "internal";
}

type Correction = Pick<Violation, "remedy" | "patch">;

/** A public name leads to Nginx; an internal one, and what Nginx has no name for, needs no record outside. */
function corrected(estate: Estate, record: DnsRecord): Correction {
  const { address } = guestOf(estate, "gateway");
  const isPublic = estate.publicNames.some(({ external }) => external === record.name);
  if (!isPublic || isInternal(estate, record)) return removed(estate, record);
  const { file, pointer } = record.position;
  const patch: readonly PatchOperation[] = [
    { file, op: "replace", path: `${pointer}/ip_external`, value: address },
  ];
  return { remedy: `Make it ${address}.`, patch };
}

function removed(estate: Estate, { position: { file, pointer } }: DnsRecord): Correction {
  const isShared = hasValue(estate, file, `${pointer}/ip_internal`);
  const path = isShared ? `${pointer}/ip_external` : pointer;
  const remedy = isShared ? "Take its ip_external away." : "Delete the record.";
  return { remedy, patch: [{ file, op: "remove", path }] };
}

function addressPosition(estate: Estate, { position: { file, pointer } }: DnsRecord) {
  return positionIn(estate, file, `${pointer}/ip_external`);
}

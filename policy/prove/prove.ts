import type { Estate } from "../estate.ts";
import { proveBackendWays } from "./backend-way.ts";
import { proveCertificates } from "./certificates.ts";
import { proveChallenges } from "./challenge.ts";
import { proveDeclaredPairs } from "./declared-pairs.ts";
import { proveExternalNames, proveNoLeak } from "./external-names.ts";
import { proveFiles } from "./files.ts";
import { proveInternalNames } from "./internal-names.ts";
import { proveNameServers } from "./name-server.ts";
import type { Proof } from "./proof.ts";
import { provePublicWay } from "./public-way.ts";

/** In the catalogue's order. */
const SERVICE_PROOFS: readonly ((estate: Estate) => Proof)[] = [
  provePublicWay,
  proveBackendWays,
  proveDeclaredPairs,
  proveCertificates,
  proveChallenges,
  proveExternalNames,
  proveInternalNames,
  proveNoLeak,
  proveNameServers,
  proveFiles,
];

/**
 * What the declaration says of its services, decided by single flows: that what has to work does. Pure. That Traefik and
 * Step-CA are reached at all stands in EDGE-005 and PKI-001, once, and not in RTE-001 and PKI-004 again.
 */
export function proveServices(estate: Estate): readonly Proof[] {
  return SERVICE_PROOFS.map((prove) => prove(estate));
}

import type { Estate } from "../estate.ts";
import { proveBackendWays } from "./backend-way.ts";
import { proveCertificates } from "./certificates.ts";
import { proveChallenges } from "./challenge.ts";
import { proveDeclaredPairs } from "./declared-pairs.ts";
import { proveExternalNames, proveNoLeak } from "./external-names.ts";
import { proveFiles } from "./files.ts";
import { proveInternalNames } from "./internal-names.ts";
import { proveNameServers } from "./name-server.ts";
import type { Found, Proof } from "./proof.ts";
import { provePublicWay } from "./public-way.ts";
import { tooLong, undecidedProof } from "./size.ts";

interface ServiceProof {
  readonly control: string;
  readonly prove: (estate: Estate) => Proof<Found>;
  /** Single flows are asked, so that all rules are read. */
  readonly asksRules: boolean;
}

/** In the catalogue's order. */
const SERVICE_PROOFS: readonly ServiceProof[] = [
  { control: "EDGE-005", prove: provePublicWay, asksRules: true },
  { control: "RTE-002", prove: proveBackendWays, asksRules: true },
  { control: "SEG-002", prove: proveDeclaredPairs, asksRules: true },
  { control: "PKI-001", prove: proveCertificates, asksRules: true },
  { control: "PKI-003", prove: proveChallenges, asksRules: true },
  { control: "DNS-001", prove: proveExternalNames, asksRules: false },
  { control: "DNS-002", prove: proveInternalNames, asksRules: true },
  { control: "DNS-003", prove: proveNoLeak, asksRules: false },
  { control: "DNS-004", prove: proveNameServers, asksRules: false },
  { control: "CFG-001", prove: proveFiles, asksRules: false },
];

/**
 * What the declaration says of its services, decided by single flows: that what has to work does. Pure. That Traefik and
 * Step-CA are reached at all stands in EDGE-005 and PKI-001, once, and not in RTE-001 and PKI-004 again.
 */
export function proveServices(estate: Estate): readonly Proof<Found>[] {
  const undecided = tooLong(estate);
  return SERVICE_PROOFS.map(({ control, prove, asksRules }) =>
    asksRules && undecided !== undefined ? undecidedProof(control, undecided) : prove(estate),
  );
}

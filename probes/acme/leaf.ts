import { createPublicKey, type X509Certificate } from "node:crypto";
import type { ServiceObservation } from "../observation.ts";
import { extensionsOf, type RsaKey } from "./certificate.ts";

/** digitalSignature, the first bit of KeyUsage: RFC 5280 section 4.2.1.3. */
const DIGITAL_SIGNATURE = 0x80;
const KEY_USAGE = "2.5.29.15";

/**
 * What a chain as it was issued says of its leaf, RFC 5280. Facts: `names`, `issuer`, `serial` (hex), `chained` to the root,
 * `chainLength`, `lifetimeSeconds`, `current`, `usages` (extended, as OIDs), `signs`, `isCa`, and `challengeKey`: whether
 * the challenge was shown with the same key.
 */
export function leafFacts(
  chain: readonly X509Certificate[],
  root: X509Certificate,
  shown: RsaKey,
): ServiceObservation["facts"] {
  const [leaf, ...above] = chain;
  if (!leaf) return { chainLength: 0 };
  const notBefore = Date.parse(leaf.validFrom);
  const notAfter = Date.parse(leaf.validTo);
  const usage = extensionsOf(leaf.raw).find(({ oid }) => oid === KEY_USAGE);
  const shownKey = createPublicKey(shown.privateKey);
  return {
    names: (leaf.subjectAltName ?? "").split(", ").filter(Boolean),
    issuer: leaf.issuer.replaceAll("\n", ", "),
    serial: BigInt(`0x${leaf.serialNumber}`).toString(16),
    chained: isChained([leaf, ...above, root]),
    chainLength: chain.length,
    lifetimeSeconds: (notAfter - notBefore) / 1_000,
    current: notBefore <= Date.now() && Date.now() < notAfter,
    usages: leaf.keyUsage ?? [],
    signs: usage?.critical === true && ((usage.value[3] ?? 0) & DIGITAL_SIGNATURE) !== 0,
    isCa: leaf.ca,
    challengeKey: leaf.publicKey.equals(shownKey),
  };
}

/** Each is issued and signed by the next. */
function isChained(chain: readonly X509Certificate[]): boolean {
  return chain.slice(1).every((issuer, index) => {
    const issued = chain[index];
    return issued?.checkIssued(issuer) === true && issued.verify(issuer.publicKey);
  });
}

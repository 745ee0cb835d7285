import type { Note } from "../estate.ts";
import { remark } from "../note.ts";
import { keyPositionOf, parseSource } from "../source.ts";
import { isRefused } from "../phoenix/validate.ts";
import { MOST_TOKENS } from "../syntax.ts";
import { filesOf, type OperatorEstate } from "./operator.ts";
import { isStatic, leavesOf } from "./traefik.ts";

/** Keys of ca.json that Step-CA 0.30 reads (authority/config); it says nothing of another. */
const CA_KEYS: Readonly<Record<string, ReadonlySet<string>>> = {
  "": new Set(
    "root federatedRoots crt key address insecureAddress dnsNames kms ssh logger db monitoring authority tls password templates commonName crl metricsAddress".split(
      " ",
    ),
  ),
  authority: new Set(
    "type certificateAuthority certificateAuthorityFingerprint provisioners admins template claims policy disableIssuedAtCheck backdate enableAdmin disableGetSSHHosts".split(
      " ",
    ),
  ),
  "authority.claims": new Set(
    "minTLSCertDuration maxTLSCertDuration defaultTLSCertDuration minUserSSHCertDuration maxUserSSHCertDuration defaultUserSSHCertDuration minHostSSHCertDuration maxHostSSHCertDuration defaultHostSSHCertDuration enableSSHCA disableRenewal allowRenewalAfterExpiry disableSmallstepExtensions".split(
      " ",
    ),
  ),
};
/** Roots of Traefik's static file; another is dropped without a word, `http` and `tcp` too, which are dynamic. */
const STATIC_KEYS = new Set(
  "global serverstransport tcpserverstransport entrypoints providers api metrics ping log accesslog tracing hostresolver certificatesresolvers experimental core spiffe ocsp".split(
    " ",
  ),
);

/** Keys that a server passes over in silence, so that somebody believes what is not so. */
export function passedOver(estate: OperatorEstate): Note[] {
  return [...passedOverByStepCa(estate), ...passedOverByTraefik(estate)];
}

function passedOverByStepCa(estate: OperatorEstate): Note[] {
  return filesOf(estate, "step-ca").flatMap(({ name, text }) => {
    const source = parseSource(name, text, { tokens: MOST_TOKENS });
    if (isRefused(source)) return [];
    const root = JSON.parse(text.replace(/^\uFEFF/, "")) as unknown;
    return Object.entries(CA_KEYS).flatMap(([way, known]) => {
      const path = way === "" ? [] : way.split(".");
      const object = path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), root);
      const unknown = isObject(object) ? Object.keys(object).filter((key) => !known.has(key)) : [];
      return unknown.map((key) => {
        const said = `${[...path, key].join(".")} is no key of Step-CA: it is ignored without a word`;
        return remark(
          keyPositionOf(source, [...path, key]),
          said,
          "Take it out, or write the key that was meant.",
        );
      });
    });
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function passedOverByTraefik(estate: OperatorEstate): Note[] {
  return filesOf(estate, "traefik")
    .filter(isStatic)
    .flatMap(({ name, text }) => {
      const first = new Map(
        leavesOf(text)
          .toReversed()
          .map((leaf) => [leaf.keys[0] ?? "", leaf]),
      );
      return [...first]
        .filter(([key]) => key !== "" && !STATIC_KEYS.has(key.toLowerCase()))
        .map(([key, { line, column }]) => {
          const position = { file: name, line, column, pointer: `/${key}` };
          const said = `${key} is no key of Traefik's static file: it is dropped without a word`;
          return remark(position, said, "Put what is dynamic into a file of the file provider.");
        });
    });
}

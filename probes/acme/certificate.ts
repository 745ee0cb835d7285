import { createHash, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import forge from "node-forge";
import { type AccountKey, keyAuthorization } from "./jws.ts";

const { asn1, pki } = forge;

/** An RSA-2048 pair: what the library that writes certificates can sign with. */
export interface RsaKey {
  readonly pem: string;
  readonly privateKey: KeyObject;
}

const generate = promisify(generateKeyPair);

export async function newRsaKey(): Promise<RsaKey> {
  const { privateKey } = await generate("rsa", { modulusLength: 2048 });
  return { privateKey, pem: privateKey.export({ type: "pkcs8", format: "pem" }) as string };
}

/** id-pe-acmeIdentifier, RFC 8737 section 6.1. */
export const ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31";

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** The bytes inside extnValue. */
  readonly value: Buffer;
}

/** An OCTET STRING of 32 bytes: SHA-256 of the key authorization, RFC 8737 section 3. */
export function acmeIdentifier(token: string, key: AccountKey): Extension {
  return { oid: ACME_IDENTIFIER, critical: true, value: octets(digestOf(token, key)) };
}

export function digestOf(token: string, key: AccountKey): Buffer {
  return createHash("sha256").update(keyAuthorization(token, key)).digest();
}

/** DER of an OCTET STRING shorter than 128 bytes. */
export function octets(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x04, content.length]), content]);
}

/** A SubjectAltName entry by its tag in GeneralName, RFC 5280 section 4.2.1.6. */
type AltName = { readonly type: 1 | 2; readonly value: string } | { readonly type: 7; readonly ip: string };

export interface ChallengeCertificate {
  readonly altNames: readonly AltName[];
  readonly extensions: readonly Extension[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const HOUR_MS = 3_600_000;

/** A self-signed certificate, as PEM: with one `altNames` entry and `acmeIdentifier` the response of RFC 8737 section 3. */
export function challengeCertificate(key: RsaKey, asked: ChallengeCertificate): string {
  const { altNames, extensions } = asked;
  const certificate = pki.createCertificate();
  const signer = pki.privateKeyFromPem(key.pem);
  const name = [{ name: "commonName", value: "ACME challenge" }];
  certificate.publicKey = pki.setRsaPublicKey(signer.n, signer.e);
  certificate.serialNumber = "01";
  certificate.validity.notBefore = asked.notBefore ?? new Date(Date.now() - HOUR_MS);
  certificate.validity.notAfter = asked.notAfter ?? new Date(Date.now() + HOUR_MS);
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    ...(altNames.length > 0 ? [{ name: "subjectAltName", altNames }] : []),
    ...extensions.map(({ oid: id, critical, value }) => ({ id, critical, value: value.toString("binary") })),
  ]);
  certificate.sign(signer, forge.md.sha256.create());
  return pki.certificateToPem(certificate);
}

/** A PKCS#10 request (RFC 2986) as DER, with these names as SubjectAltName. */
export function signingRequest(key: RsaKey, commonName: string, names: readonly string[]): Buffer {
  const request = pki.createCertificationRequest();
  const signer = pki.privateKeyFromPem(key.pem);
  request.publicKey = pki.setRsaPublicKey(signer.n, signer.e);
  request.setSubject(commonName === "" ? [] : [{ name: "commonName", value: commonName }]);
  const altNames = names.map((value) => ({ type: 2, value }));
  const wanted = altNames.length > 0 ? [{ name: "subjectAltName", altNames }] : [];
  request.setAttributes([{ name: "extensionRequest", extensions: wanted }]);
  request.sign(signer, forge.md.sha256.create());
  return Buffer.from(asn1.toDer(pki.certificationRequestToAsn1(request)).getBytes(), "binary");
}

/** The extensions of a certificate in DER, in its order: RFC 5280 section 4.1.2.9. */
export function extensionsOf(certificate: Buffer): Extension[] {
  const [body] = parts(asn1.fromDer(certificate.toString("binary")));
  const wrapped = parts(body).find(
    ({ tagClass, type }) => tagClass === asn1.Class.CONTEXT_SPECIFIC && Number(type) === 3,
  );
  return parts(parts(wrapped)[0]).map((extension) => {
    const [id, ...rest] = parts(extension);
    const value = rest.at(-1)?.value;
    return {
      oid: typeof id?.value === "string" ? asn1.derToOid(id.value) : "",
      critical: rest.length === 2 && rest[0]?.value === "\xff",
      value: Buffer.from(typeof value === "string" ? value : "", "binary"),
    };
  });
}

function parts(node: forge.asn1.Asn1 | undefined): forge.asn1.Asn1[] {
  return Array.isArray(node?.value) ? node.value : [];
}

import { createHash, type KeyObject, randomBytes, sign } from "node:crypto";
import forge from "node-forge";

const { asn1 } = forge;
type Asn1 = forge.asn1.Asn1;

/** ecdsa-with-SHA256, RFC 5758 section 3.2. */
const ECDSA_SHA256 = "1.2.840.10045.4.3.2";
const OID = {
  commonName: "2.5.4.3",
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  extendedKeyUsage: "2.5.29.37",
  subjectAltName: "2.5.29.17",
  subjectKeyIdentifier: "2.5.29.14",
  authorityKeyIdentifier: "2.5.29.35",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  extensionRequest: "1.2.840.113549.1.9.14",
} as const;

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  /** A CA certificate with this path length (RFC 5280 section 4.2.1.9); absent: a server's leaf. */
  readonly pathLength?: number;
  readonly dnsNames?: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly issuer: { readonly commonName: string; readonly keys: KeyPair };
}

/** An X.509 v3 certificate (RFC 5280), signed with ECDSA P-256 and SHA-256, as PEM. */
export function createCertificate(request: CertificateRequest): string {
  const { issuer } = request;
  const tbs = sequence(
    context(0, integer(Buffer.from([2]))),
    integer(positive(randomBytes(16))),
    algorithm(),
    name(issuer.commonName),
    sequence(time(request.notBefore), time(request.notAfter)),
    name(request.commonName),
    spki(request.publicKey),
    context(3, sequence(...extensions(request))),
  );
  return pem("CERTIFICATE", signed(tbs, issuer.keys.privateKey));
}

/** A PKCS#10 request (RFC 2986) for these names, as PEM. */
export function createSigningRequest(commonName: string, dnsNames: readonly string[], keys: KeyPair): string {
  const wanted = sequence(oid(OID.extensionRequest), set(sequence(subjectAltName(dnsNames))));
  const body = sequence(
    integer(Buffer.from([0])),
    name(commonName),
    spki(keys.publicKey),
    context(0, wanted),
  );
  return pem("CERTIFICATE REQUEST", signed(body, keys.privateKey));
}

function extensions({ pathLength, dnsNames, publicKey, issuer }: CertificateRequest): Asn1[] {
  const isCa = pathLength !== undefined;
  const constraints = isCa ? sequence(boolean(true), integer(Buffer.from([pathLength]))) : sequence();
  return [
    extension(OID.basicConstraints, true, constraints),
    // keyCertSign and cRLSign, or digitalSignature (RFC 5280 section 4.2.1.3).
    extension(OID.keyUsage, true, bitString(isCa ? Buffer.from([0x06]) : Buffer.from([0x80]), isCa ? 1 : 7)),
    ...(isCa ? [] : [extension(OID.extendedKeyUsage, false, sequence(oid(OID.serverAuth)))]),
    ...(dnsNames ? [subjectAltName(dnsNames)] : []),
    extension(OID.subjectKeyIdentifier, false, octets(keyId(publicKey))),
    extension(OID.authorityKeyIdentifier, false, sequence(contextPrimitive(0, keyId(issuer.keys.publicKey)))),
  ];
}

function subjectAltName(dnsNames: readonly string[]): Asn1 {
  const names = dnsNames.map((dnsName) => contextPrimitive(2, Buffer.from(dnsName, "ascii")));
  return extension(OID.subjectAltName, false, sequence(...names));
}

function extension(id: string, critical: boolean, value: Asn1): Asn1 {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(der(value)));
}

function signed(body: Asn1, key: KeyObject): Buffer {
  const signature = sign("sha256", der(body), key);
  return der(sequence(body, algorithm(), bitString(signature, 0)));
}

/** SHA-1 of the subjectPublicKey bits, RFC 5280 section 4.2.1.2 (1): the point is the last 65 bytes of a P-256 SPKI. */
function keyId(publicKey: KeyObject): Buffer {
  return createHash("sha1")
    .update(publicKey.export({ type: "spki", format: "der" }).subarray(-65))
    .digest();
}

function positive(serial: Buffer): Buffer {
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function der(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), "binary");
}

function universal(type: forge.asn1.Type, constructed: boolean, value: string | Asn1[]): Asn1 {
  return asn1.create(asn1.Class.UNIVERSAL, type, constructed, value as never);
}

function binary(bytes: Buffer): string {
  return bytes.toString("binary");
}

function sequence(...items: Asn1[]): Asn1 {
  return universal(asn1.Type.SEQUENCE, true, items);
}

function set(...items: Asn1[]): Asn1 {
  return universal(asn1.Type.SET, true, items);
}

function integer(bytes: Buffer): Asn1 {
  return universal(asn1.Type.INTEGER, false, binary(bytes));
}

function boolean(value: boolean): Asn1 {
  return universal(asn1.Type.BOOLEAN, false, value ? "\xff" : "\x00");
}

function octets(bytes: Buffer): Asn1 {
  return universal(asn1.Type.OCTETSTRING, false, binary(bytes));
}

function bitString(bytes: Buffer, unusedBits: number): Asn1 {
  return universal(asn1.Type.BITSTRING, false, binary(Buffer.concat([Buffer.from([unusedBits]), bytes])));
}

function oid(id: string): Asn1 {
  return universal(asn1.Type.OID, false, asn1.oidToDer(id).getBytes());
}

function context(tag: number, value: Asn1): Asn1 {
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag as forge.asn1.Type, true, [value]);
}

function contextPrimitive(tag: number, bytes: Buffer): Asn1 {
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag as forge.asn1.Type, false, binary(bytes));
}

function algorithm(): Asn1 {
  return sequence(oid(ECDSA_SHA256));
}

function name(commonName: string): Asn1 {
  return sequence(
    set(sequence(oid(OID.commonName), universal(asn1.Type.UTF8, false, binary(Buffer.from(commonName))))),
  );
}

/** GeneralizedTime only from 2050 on, RFC 5280 section 4.1.2.5. */
function time(date: Date): Asn1 {
  return date.getUTCFullYear() < 2050
    ? universal(asn1.Type.UTCTIME, false, asn1.dateToUtcTime(date) as string)
    : universal(asn1.Type.GENERALIZEDTIME, false, asn1.dateToGeneralizedTime(date) as string);
}

function spki(publicKey: KeyObject): Asn1 {
  return asn1.fromDer(binary(publicKey.export({ type: "spki", format: "der" })));
}

import { createHash, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from "node:crypto";

/** An account's key pair: ES256 on P-256 (RFC 7518 section 3.4). */
export interface AccountKey {
  readonly jwk: JsonWebKey;
  readonly privateKey: KeyObject;
}

export function newAccountKey(): AccountKey {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { jwk: publicKey.export({ format: "jwk" }), privateKey };
}

function base64url(content: string | Buffer): string {
  return Buffer.from(content).toString("base64url");
}

/** SHA-256 of the key's required members in lexical order, RFC 7638 section 3. */
function thumbprint({ crv, kty, x, y }: JsonWebKey): string {
  return createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
}

/** What a challenge's response must show, RFC 8555 section 8.1. */
export function keyAuthorization(token: string, { jwk }: AccountKey): string {
  return `${token}.${thumbprint(jwk)}`;
}

/** Fields of a protected header; one that is `undefined` is left out. */
export type Header = Readonly<Record<string, unknown>>;

/** A flattened JWS, RFC 7515 section 7.2.2; a test may add to it what must not be there. */
export interface Jws {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
}

/** Signs with ES256, whatever the header says: `payload` is a value for JSON, or "" (POST-as-GET, RFC 8555 section 6.3). */
export function signJws(header: Header, payload: unknown, { privateKey }: AccountKey): Jws {
  const head = base64url(JSON.stringify(header));
  const body = payload === "" ? "" : base64url(JSON.stringify(payload));
  const signature = sign("sha256", Buffer.from(`${head}.${body}`), {
    key: privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return { protected: head, payload: body, signature: base64url(signature) };
}

import { createPrivateKey, randomUUID, sign } from "node:crypto";
import { createSigningRequest, type KeyPair } from "./certificate.ts";
import type { CertificateSpec } from "./resource.ts";

const LIFETIME_SECONDS = 300;

/** The one-time token with which Step-CA's JWK provisioner signs a request for `spec.name` (RFC 7519, ES256). */
function signToken(spec: CertificateSpec, key: { kid: string; pem: string }, now: Date): string {
  const issuedAt = Math.floor(now.getTime() / 1000);
  const header = { alg: "ES256", typ: "JWT", kid: key.kid };
  const claims = {
    iss: spec.provisioner,
    sub: spec.name,
    sans: [spec.name],
    aud: `https://${spec.caName}:${spec.caPort}/1.0/sign`,
    iat: issuedAt,
    nbf: issuedAt - LIFETIME_SECONDS,
    exp: issuedAt + LIFETIME_SECONDS,
    jti: randomUUID(),
  };
  const body = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = sign("sha256", Buffer.from(body), {
    key: createPrivateKey(key.pem),
    dsaEncoding: "ieee-p1363",
  });
  return `${body}.${signature.toString("base64url")}`;
}

/** The request that orders the certificate: `POST /1.0/sign` of Step-CA. `provisioner`: the JSON of its key's file. */
export function orderOf(spec: CertificateSpec, keys: KeyPair, provisioner: string, now: Date) {
  const key = JSON.parse(provisioner) as { kid: string; pem: string };
  const csr = createSigningRequest(spec.name, [spec.name], keys);
  const body = JSON.stringify({ csr, ott: signToken(spec, key, now) });
  return { address: spec.caAddress, port: spec.caPort, path: "/1.0/sign", method: "POST", body } as const;
}

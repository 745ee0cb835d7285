import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  generateKeyPairSync,
  randomUUID,
  X509Certificate,
} from "node:crypto";
import { promisify } from "node:util";
import { createCertificate, type KeyPair } from "./certificate.ts";
import { KEYS } from "./layout.ts";
import { RESOLVER } from "./mesh.ts";
import type { EdgeCertificateSpec, KeysSpec } from "./resource.ts";

const HOUR_MS = 3_600_000;
const CA_LIFETIME_MS = 7 * 24 * HOUR_MS;
const EDGE_LIFETIME_MS = 72 * HOUR_MS;
/** Before now, so that a clock a little behind takes the certificate too. */
const BACKDATE_MS = HOUR_MS;

/** A file that holds key material or a certificate of the run. */
export interface KeyFile {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

const generate = promisify(generateKeyPair);

/**
 * The run's own secrets: Step-CA's root and intermediate, its JWK provisioner, the throwaway public CA, and Traefik's account
 * key (seeded: Traefik would make an RSA-4096 one, 0.6 s and more). The internal root's key is dropped at once: nothing needs
 * it.
 */
export async function createKeys(spec: KeysSpec, now: Date): Promise<KeyFile[]> {
  const account = generate("rsa", { modulusLength: 2048 });
  const files = [...authorityFiles(spec, now), ...publicRootFiles(now), ...provisionerFiles()];
  const { privateKey } = await account;
  const accountKey = privateKey.export({ type: "pkcs1", format: "der" }).toString("base64");
  const store = {
    [RESOLVER]: {
      Account: { Email: spec.acmeEmail, Registration: null, PrivateKey: accountKey, KeyType: "EC256" },
      Certificates: null,
    },
  };
  return [...files, secret(spec.acmeStore, JSON.stringify(store))];
}

/** Paths that `createKeys` fills: all there, or the keys are made anew. */
export function keyPaths(spec: KeysSpec): string[] {
  const { edgeChain: _chain, edgeKey: _key, ...own } = KEYS;
  return [...Object.values(own), spec.acmeStore];
}

/** The public CA's key pair and the edge's own, as PEM. */
export interface EdgeKeys {
  readonly root: string;
  readonly rootKey: string;
  /** Absent: it gets a new one. */
  readonly own?: string;
}

/** A certificate of the public CA for all of the edge's names. Without a name there is one still, which no host matches. */
export function createEdgeCertificate(spec: EdgeCertificateSpec, keys: EdgeKeys, now: Date): KeyFile[] {
  const own = keys.own === undefined ? ecKeys() : keyPair(keys.own);
  const leaf = createCertificate({
    ...lifetime(now, EDGE_LIFETIME_MS),
    commonName: spec.names[0] ?? "no public name",
    publicKey: own.publicKey,
    dnsNames: spec.names,
    issuer: {
      commonName: /^CN=(.*)$/m.exec(new X509Certificate(keys.root).subject)?.[1] ?? "",
      keys: keyPair(keys.rootKey),
    },
  });
  return [open(spec.certPath, leaf), secret(spec.keyPath, toPem(own))];
}

function keyPair(pem: string): KeyPair {
  const privateKey = createPrivateKey(pem);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

export function ecKeys(): KeyPair {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

export function toPem({ privateKey }: KeyPair): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
}

function authorityFiles({ caName }: KeysSpec, now: Date): KeyFile[] {
  const root = authority(`Phoenix Root ${short()}`, 1, now);
  const intermediate = ecKeys();
  const pem = createCertificate({
    ...lifetime(now, CA_LIFETIME_MS),
    commonName: `Phoenix Intermediate for ${caName}`,
    publicKey: intermediate.publicKey,
    pathLength: 0,
    issuer: root,
  });
  return [
    open(KEYS.root, root.pem),
    open(KEYS.intermediate, pem),
    secret(KEYS.intermediateKey, toPem(intermediate)),
  ];
}

function publicRootFiles(now: Date): KeyFile[] {
  const { pem, keys } = authority(`Throwaway Public Root ${short()}`, 0, now);
  return [open(KEYS.publicRoot, pem), secret(KEYS.publicRootKey, toPem(keys))];
}

function provisionerFiles(): KeyFile[] {
  const keys = ecKeys();
  const jwk = { ...keys.publicKey.export({ format: "jwk" }), use: "sig", alg: "ES256", kid: randomUUID() };
  return [
    open(KEYS.provisionerPublic, JSON.stringify(jwk)),
    secret(KEYS.provisionerKey, JSON.stringify({ kid: jwk.kid, pem: toPem(keys) })),
  ];
}

function authority(commonName: string, pathLength: number, now: Date) {
  const keys = ecKeys();
  const issuer = { commonName, keys };
  const pem = createCertificate({
    ...lifetime(now, CA_LIFETIME_MS),
    commonName,
    publicKey: keys.publicKey,
    pathLength,
    issuer,
  });
  return { commonName, keys, pem };
}

function lifetime(now: Date, lifetimeMs: number) {
  return { notBefore: new Date(now.getTime() - BACKDATE_MS), notAfter: new Date(now.getTime() + lifetimeMs) };
}

/** Tells the roots of two labs apart by name. */
function short(): string {
  return randomUUID().slice(0, 8);
}

function open(path: string, content: string): KeyFile {
  return { path, content, mode: 0o644 };
}

function secret(path: string, content: string): KeyFile {
  return { path, content, mode: 0o600 };
}

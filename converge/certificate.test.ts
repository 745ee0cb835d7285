import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { type CertificateRequest, createCertificate, createSigningRequest } from "./certificate.ts";
import { ecKeys } from "./keys.ts";

const folder = mkdtempSync(join(tmpdir(), "phx-certificate-"));
after(() => rmSync(folder, { recursive: true }));

const day = (days: number) => new Date(Date.now() + days * 86_400_000);
const lifetime = { notBefore: day(-1), notAfter: day(7) };
const rootKeys = ecKeys();
const middleKeys = ecKeys();
const leafKeys = ecKeys();
const root = createCertificate({
  ...lifetime,
  commonName: "Root",
  publicKey: rootKeys.publicKey,
  pathLength: 1,
  issuer: { commonName: "Root", keys: rootKeys },
});
const middle = createCertificate({
  ...lifetime,
  commonName: "Middle",
  publicKey: middleKeys.publicKey,
  pathLength: 0,
  issuer: { commonName: "Root", keys: rootKeys },
});
const leafOf = (change: Partial<CertificateRequest> = {}) =>
  createCertificate({
    ...lifetime,
    commonName: "a.internal.test",
    publicKey: leafKeys.publicKey,
    dnsNames: ["a.internal.test", "b.internal.test"],
    issuer: { commonName: "Middle", keys: middleKeys },
    ...change,
  });

function openssl(...args: string[]): string {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** As openssl-verify(1) sees the chain, strictly by RFC 5280, for a TLS server of that name. */
function verify(leaf: string, host: string): string {
  const strict = ["-x509_strict", "-purpose", "sslserver", "-verify_hostname", host];
  const chain = ["-CAfile", file("root.pem", root), "-untrusted", file("middle.pem", middle)];
  return openssl("verify", ...strict, ...chain, file("leaf.pem", leaf));
}

test("a chain of root, intermediate and leaf holds for openssl, strictly, by name", () => {
  assert.match(verify(leafOf(), "b.internal.test"), /leaf\.pem: OK/);
  assert.throws(() => verify(leafOf(), "c.internal.test"), /hostname mismatch/);
});

test("a leaf of another key, an ended one and a leaf that plays CA are refused", () => {
  assert.throws(
    () => verify(leafOf({ issuer: { commonName: "Middle", keys: ecKeys() } }), "a.internal.test"),
    /verif/,
  );
  assert.throws(() => verify(leafOf({ notAfter: day(-0.5) }), "a.internal.test"), /expired/);
  assert.throws(() => verify(leafOf({ notBefore: day(1) }), "a.internal.test"), /not yet valid/);
  assert.throws(() => verify(leafOf({ pathLength: 0 }), "a.internal.test"), /path length|unsuitable/i);
});

test("node reads what was asked for", () => {
  const leaf = new X509Certificate(leafOf());
  assert.equal(leaf.subject, "CN=a.internal.test");
  assert.equal(leaf.issuer, "CN=Middle");
  assert.equal(leaf.subjectAltName, "DNS:a.internal.test, DNS:b.internal.test");
  assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  assert.equal(leaf.ca, false);
  assert.ok(leaf.checkIssued(new X509Certificate(middle)));
  assert.ok(leaf.verify(middleKeys.publicKey));
  assert.ok(leaf.checkPrivateKey(leafKeys.privateKey));
  const issuer = new X509Certificate(middle);
  assert.ok(issuer.ca && issuer.verify(rootKeys.publicKey));
});

test("serial numbers are positive, of at most 20 bytes, and never twice", () => {
  const serials = Array.from({ length: 200 }, () => new X509Certificate(leafOf()).serialNumber);
  assert.equal(new Set(serials).size, serials.length);
  for (const serial of serials) {
    assert.ok(serial.length <= 40);
    assert.match(serial, /^[1-7][0-9A-F]/, "RFC 5280 section 4.1.2.2");
  }
});

test("times before and from 2050 on are read back to the second", () => {
  const seconds = fc.integer({ min: Date.UTC(1990, 0) / 1000, max: Date.UTC(2199, 0) / 1000 });
  fc.assert(
    fc.property(seconds, (second) => {
      const notAfter = new Date(second * 1000);
      const leaf = new X509Certificate(leafOf({ notAfter, notBefore: new Date(0) }));
      assert.equal(new Date(leaf.validTo).getTime(), notAfter.getTime());
    }),
    { numRuns: 50 },
  );
});

test("a name that is not ASCII passes as UTF-8", () => {
  assert.equal(new X509Certificate(leafOf({ commonName: "Gäste-CA ✓" })).subject, "CN=Gäste-CA ✓");
});

test("a signing request is its own key's, and names what it asks for", () => {
  const path = file(
    "request.csr",
    createSigningRequest("a.internal.test", ["a.internal.test", "b.internal.test"], leafKeys),
  );
  const text = openssl("req", "-in", path, "-noout", "-text", "-verify");
  assert.match(text, /DNS:a\.internal\.test, DNS:b\.internal\.test/);
  assert.match(text, /Subject: CN\s?=\s?a\.internal\.test/);
});

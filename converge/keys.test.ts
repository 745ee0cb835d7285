import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createEdgeCertificate, createKeys, ecKeys, keyPaths, toPem } from "./keys.ts";
import { KEYS } from "./layout.ts";
import type { KeysSpec } from "./resource.ts";

const spec: KeysSpec = {
  folder: KEYS.folder,
  caName: "ca.internal.test",
  acmeStore: "/run/phx/102/acme.json",
  acmeEmail: "admin@internal.invalid",
};
const now = new Date();
const files = await createKeys(spec, now);
const text = (path: string) => files.find((file) => file.path === path)?.content ?? assert.fail(path);
const EDGE = {
  names: ["a.public.test", "b.public.test"],
  certPath: KEYS.edgeChain,
  keyPath: KEYS.edgeKey,
  rootPath: KEYS.publicRoot,
  rootKeyPath: KEYS.publicRootKey,
};
const rootKeys = { root: text(KEYS.publicRoot), rootKey: text(KEYS.publicRootKey) };
const edgeFiles = createEdgeCertificate(EDGE, rootKeys, now);
const certificate = (path: string) =>
  new X509Certificate(edgeFiles.find((file) => file.path === path)?.content ?? text(path));

test("every path is filled once, and secrets are root's alone", () => {
  assert.deepEqual(
    files.map(({ path }) => path).sort(),
    keyPaths(spec)
      .filter((path) => path !== KEYS.folder)
      .sort(),
  );
  for (const { path, content, mode } of files) {
    assert.notEqual(content, "");
    const secret = /PRIVATE KEY|PrivateKey|"pem"/.test(content);
    assert.equal(mode, secret ? 0o600 : 0o644, path);
  }
});

test("Step-CA's intermediate chains to its root, and its key is the certificate's", () => {
  const [root, intermediate] = [certificate(KEYS.root), certificate(KEYS.intermediate)];
  assert.ok(root.verify(root.publicKey) && intermediate.verify(root.publicKey));
  assert.ok(intermediate.checkIssued(root) && intermediate.ca);
  assert.ok(intermediate.checkPrivateKey(createPrivateKey(text(KEYS.intermediateKey))));
  assert.match(intermediate.subject, /ca\.internal\.test/);
});

test("the edge's certificate covers the public names and comes from a root that Step-CA has nothing to do with", () => {
  const [root, edge] = [certificate(KEYS.publicRoot), certificate(KEYS.edgeChain)];
  assert.ok(edge.verify(root.publicKey));
  assert.ok(!edge.verify(certificate(KEYS.root).publicKey));
  assert.equal(edge.subjectAltName, "DNS:a.public.test, DNS:b.public.test");
  const [, key] = edgeFiles;
  assert.ok(key?.path === KEYS.edgeKey && key.mode === 0o600);
  assert.ok(edge.checkPrivateKey(createPrivateKey(key.content)));
});

test("another public name: another edge certificate, of the same root and key", () => {
  const own = edgeFiles[1]?.content ?? assert.fail();
  const more = { ...EDGE, names: [...EDGE.names, "c.public.test"] };
  const [chain, key] = createEdgeCertificate(more, { ...rootKeys, own }, now);
  const edge = new X509Certificate(chain?.content ?? "");
  assert.equal(key?.content, own);
  assert.ok(edge.verify(certificate(KEYS.publicRoot).publicKey) && edge.checkHost("c.public.test"));
  assert.notEqual(edge.serialNumber, certificate(KEYS.edgeChain).serialNumber);
});

test("all certificates hold now, an hour ago and in two days", () => {
  for (const path of [KEYS.root, KEYS.intermediate, KEYS.publicRoot, KEYS.edgeChain]) {
    const { validFrom, validTo } = certificate(path);
    assert.ok(new Date(validFrom).getTime() <= now.getTime() - 3_599_000, path);
    assert.ok(new Date(validTo).getTime() >= now.getTime() + 48 * 3_600_000, path);
  }
});

test("the internal root's own key is nowhere: nothing more can be signed by it", () => {
  const kept = files
    .flatMap(
      ({ content }) =>
        content.replaceAll("\\n", "\n").match(/-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/g) ??
        [],
    )
    .map((pem) =>
      createPublicKey(createPrivateKey(pem)).export({ type: "spki", format: "der" }).toString("hex"),
    );
  assert.ok(kept.length >= 2);
  const own = (path: string) =>
    certificate(path).publicKey.export({ type: "spki", format: "der" }).toString("hex");
  assert.ok(!kept.includes(own(KEYS.root)));
  assert.ok(kept.includes(own(KEYS.publicRoot)), "the public one's has to be there: a name may come");
});

test("the provisioner's two halves belong together", () => {
  const open = JSON.parse(text(KEYS.provisionerPublic)) as { kid: string; d?: string };
  const secret = JSON.parse(text(KEYS.provisionerKey)) as { kid: string; pem: string };
  assert.equal(open.kid, secret.kid);
  assert.equal(open.d, undefined, "no private part in the public file");
  const derived = createPublicKey(createPrivateKey(secret.pem)).export({ format: "jwk" });
  assert.deepEqual({ ...open, ...derived }, open);
});

test("Traefik's account key is PKCS#1 in DER, for the CA's resolver", () => {
  const store = JSON.parse(text(spec.acmeStore)) as Record<string, { Account: { PrivateKey: string } }>;
  const key = Buffer.from(store["internal"]?.Account.PrivateKey ?? "", "base64");
  assert.equal(createPrivateKey({ key, format: "der", type: "pkcs1" }).asymmetricKeyType, "rsa");
});

test("two runs share no key, no serial and no name of a root", async () => {
  const others = await createKeys(spec, now);
  const digests = [...files, ...others].map(({ content }) =>
    createHash("sha256").update(content).digest("hex"),
  );
  assert.equal(new Set(digests).size, digests.length);
  const other = new X509Certificate(others.find(({ path }) => path === KEYS.root)?.content ?? "");
  assert.notEqual(other.subject, certificate(KEYS.root).subject);
});

test("without a public name there is still an edge certificate, of no name", () => {
  const [chain] = createEdgeCertificate({ ...EDGE, names: [] }, rootKeys, now);
  const edge = new X509Certificate(chain?.content ?? "");
  assert.ok(!edge.checkHost("a.public.test"));
});

test("a key pair as PEM is read back", () => {
  const keys = ecKeys();
  assert.ok(createPublicKey(createPrivateKey(toPem(keys))).equals(keys.publicKey));
});

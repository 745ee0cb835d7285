import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../fixtures/reference.ts";
import type { Estate } from "../policy/estate.ts";
import { authorityFiles } from "./authority.ts";
import { KEYS } from "./layout.ts";

/* Fields of ca.json that decide what it may issue: Step-CA's documentation, "Configuration" and "Policies". */
interface CaConfig {
  readonly address: string;
  readonly dnsNames: readonly string[];
  readonly authority: {
    readonly policy: {
      readonly x509: {
        readonly allow: { readonly dns: readonly string[] };
        readonly deny: { readonly dns: readonly string[] };
        readonly allowWildcardNames: boolean;
      };
    };
    readonly provisioners: readonly {
      readonly type: string;
      readonly name: string;
      readonly challenges?: readonly string[];
      readonly claims?: { readonly maxTLSCertDuration: string };
    }[];
  };
}

function configOf(estate: Estate): CaConfig {
  const [file, ...others] = authorityFiles(estate);
  assert.deepEqual(others, []);
  assert.ok(file?.kind === "file" && file.path === "/run/phx/103/ca.json");
  return JSON.parse(file.content) as CaConfig;
}

test("it may issue exactly the names that Traefik or a guest orders, no wildcard, and not its own", () => {
  const estate = estateWith(() => {});
  const { x509 } = configOf(estate).authority.policy;
  const routed = estate.routes.map(({ hostname }) => hostname);
  assert.deepEqual(x509.allow.dns, [...routed, "gitea.internal.thinkheads.ai"].sort());
  assert.deepEqual(x509.deny.dns, [estate.ca.dnsName]);
  assert.equal(x509.allowWildcardNames, false);
});

test("ACME proves names by TLS-ALPN-01 alone and issues for a day at most", () => {
  const acme = configOf(estateWith(() => {})).authority.provisioners.find(({ type }) => type === "ACME");
  assert.deepEqual(acme?.challenges, ["tls-alpn-01"]);
  assert.equal(acme?.claims?.maxTLSCertDuration, "24h");
});

test("it listens at its guest's address and the declared port, under its declared name", () => {
  const estate = estateWith(() => {});
  const { address, dnsNames } = configOf(estate);
  assert.equal(address, `10.0.0.10:${estate.ca.port}`);
  assert.deepEqual(dnsNames, [estate.ca.dnsName]);
});

test("a route more is a name more; the declaration holds no key, only where it stands", () => {
  const estate = estateWith(() => {});
  const [route] = estate.routes;
  assert.ok(route);
  const more = configOf({
    ...estate,
    routes: [...estate.routes, { ...route, hostname: "new.internal.test" }],
  });
  assert.ok(more.authority.policy.x509.allow.dns.includes("new.internal.test"));
  const text = JSON.stringify(authorityFiles(estate));
  assert.doesNotMatch(text, /PRIVATE KEY/);
  const [file] = authorityFiles(estate);
  assert.ok(file?.kind === "file" && file.insert?.path === KEYS.provisionerPublic);
  assert.ok(file.content.includes(file.insert.word));
});

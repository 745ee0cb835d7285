import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { REFERENCE } from "../../fixtures/reference.ts";
import { readEstate } from "../read.ts";
import type { OperatorFile } from "./operator.ts";
import { operatorMistakes } from "./mistakes.ts";
import { passedOver } from "./passed-over.ts";

function found(name: string): string[] {
  const estate = readEstate(join(REFERENCE, "..", name));
  return operatorMistakes(estate).map(
    ({ control, position: { file, line, column }, message }) =>
      `${control} ${file}:${line}:${column} ${message}`,
  );
}

test("files that are right have none", () => {
  assert.deepEqual(found("operator-right"), []);
});

test("a proxy_pass that verifies nothing is named with its line", () => {
  assert.deepEqual(found("operator-unverified"), [
    "PKI-006 nginx/sites-available/gateway:52:9 proxy_pass https://traefik without proxy_ssl_verify on: Nginx takes any certificate",
  ]);
});

test("another challenge and an open API are named with theirs", () => {
  assert.deepEqual(found("operator-http-challenge"), [
    "PKI-001 traefik/traefik.yml:46:21 certificatesResolvers.step-ca asks for httpChallenge, where Step-CA is to validate by TLS-ALPN-01 alone",
    "RTE-005 traefik/traefik.yml:18:14 api.insecure at :8080: whoever reaches the guest reads the API",
  ]);
});

function operatorFile(server: OperatorFile["server"], path: string, text: string) {
  const files = [{ server, name: path.slice(5), path, bytes: text.length, sha256: "", text, secrets: 0 }];
  return { operator: { files, links: [], leftOut: [] } };
}

test("verification that http sets holds for each site", () => {
  const text = "http { proxy_ssl_verify on; server { location / { proxy_pass https://a; } } }";
  assert.deepEqual(operatorMistakes(operatorFile("nginx", "/etc/nginx/nginx.conf", text)), []);
  const [mistake] = operatorMistakes(
    operatorFile("nginx", "/etc/nginx/nginx.conf", text.replace("on", "off")),
  );
  assert.equal(mistake?.position.column, text.indexOf("proxy_pass") + 2);
});

test("keys that a server passes over in silence are noted with their place", () => {
  const ca =
    '{\n  "authority": {\n    "claims": { "x5cChain": {}, "minTLSCertDuration": "5m" }\n  },\n  "crt": ""\n}';
  const said = (notes: ReturnType<typeof passedOver>) =>
    notes.map(
      ({ control, message, position: { file, line, column } }) =>
        `${control} ${file}:${line}:${column} ${message}`,
    );
  assert.deepEqual(said(passedOver(operatorFile("step-ca", "/etc/step-ca/ca.json", ca))), [
    "note step-ca/ca.json:3:17 authority.claims.x5cChain is no key of Step-CA: it is ignored without a word",
  ]);
  assert.deepEqual(
    said(passedOver(operatorFile("traefik", "/etc/traefik/traefik.yml", "api: {}\nhttp:\n  routers: 1\n"))),
    ["note traefik/traefik.yml:3:12 http is no key of Traefik's static file: it is dropped without a word"],
  );
});

import type { Answer } from "../../lab/exchange.ts";
import { type AcmeClient, said, type Tampering } from "./client.ts";
import { type Jws, newAccountKey, signJws } from "./jws.ts";
import type { Ask, Rows } from "./rows.ts";

/* What RFC 8555 section 6 asks of every request, and how a server takes one that is not so. */

/** A request for an order that has this wrong. */
function tampered(tampering: Tampering): Ask {
  return async (bench) => {
    const client = await bench.client();
    return said(await orderWith(client, bench.name(), tampering));
  };
}

function orderWith(client: AcmeClient, value: string, tampering: Tampering): Promise<Answer> {
  return client.post(client.url("new-order"), { identifiers: [{ type: "dns", value }] }, tampering);
}

/** The account read by POST-as-GET, with no header that an ACME client need not send. */
function plain(more: Readonly<Record<string, string>>): Ask {
  return async (bench) => {
    const client = await bench.client();
    const url = client.account ?? "";
    const header = { alg: "ES256", kid: url, nonce: await client.nonce(), url };
    const body = JSON.stringify(signJws(header, "", client.key));
    const headers = { "content-type": "application/jose+json", ...more };
    return said(await client.ask("POST", url, { body, headers }));
  };
}

function hasNonce({ headers }: Answer): boolean {
  return /^[\w-]+$/.test(String(headers["replay-nonce"] ?? ""));
}

function nonceWords(answer: Answer): string {
  const nonce = hasNonce(answer) ? "Replay-Nonce in base64url" : "no Replay-Nonce";
  return `${answer.status}, ${nonce}, Cache-Control ${answer.headers["cache-control"] ?? "absent"}`;
}

const DIRECTORY = ["keyChange", "newAccount", "newNonce", "newOrder", "revokeCert"];

export const REQUEST_ROWS: Rows = {
  "directory-members": async (bench) => {
    const client = await bench.client();
    const { status, body } = await client.ask("GET", client.url("directory"));
    const entries = Object.entries(JSON.parse(body) as Record<string, unknown>);
    const known = entries.filter(([name]) => DIRECTORY.includes(name));
    const secure = known.every(([, url]) => String(url).startsWith("https://"));
    const more = entries.map(([name]) => name).filter((name) => !DIRECTORY.includes(name));
    const names = known.map(([name]) => name).sort();
    return `${status}: ${names.join(", ")}${secure ? ", all https" : ""}; also ${more.sort().join(", ") || "nothing"}`;
  },
  "directory-host": async (bench) => {
    const client = await bench.client();
    const asked = { headers: { host: "other.example" } };
    const { body } = await client.ask("GET", client.url("directory"), asked);
    const { newOrder = "" } = JSON.parse(body) as { newOrder?: string };
    return newOrder.startsWith("https://other.example/") ? "the client's Host" : "the server's own";
  },
  "nonce-head": async (bench) => {
    const client = await bench.client();
    return nonceWords(await client.ask("HEAD", client.url("new-nonce")));
  },
  "nonce-get": async (bench) => {
    const client = await bench.client();
    return nonceWords(await client.ask("GET", client.url("new-nonce")));
  },
  "nonce-on-errors": async (bench) => {
    const client = await bench.client();
    const name = bench.name();
    const answers = [
      await orderWith(client, name, { header: { alg: "none" } }),
      await orderWith(client, name, { header: { url: undefined } }),
      await orderWith(client, name, { key: newAccountKey() }),
      await orderWith(client, "x.example.org", {}),
      await orderWith(client, name, { header: { kid: `${client.account ?? ""}x` } }),
      await client.post(client.url("order/none"), ""),
    ];
    const statuses = answers.map(({ status }) => status);
    const refused = statuses.every((status) => status >= 400);
    return `${answers.filter(hasNonce).length} of ${answers.length}${refused ? "" : `, not all refused: ${statuses.join(" ")}`}`;
  },
  "nonce-replay": async (bench) => {
    const client = await bench.client();
    const nonce = await client.nonce();
    const first = await orderWith(client, bench.name(), { header: { nonce } });
    return `${said(first)}, then ${said(await orderWith(client, bench.name(), { header: { nonce } }))}`;
  },
  "nonce-missing": tampered({ header: { nonce: undefined } }),
  "nonce-made-up": tampered({ header: { nonce: "bWFkZSB1cA" } }),
  "alg-none": tampered({ header: { alg: "none" } }),
  "alg-none-unsigned": tampered({
    header: { alg: "none" },
    body: (jws) => JSON.stringify({ ...jws, signature: "" }),
  }),
  "alg-hs256": tampered({ header: { alg: "HS256" } }),
  "alg-other": tampered({ header: { alg: "ES384" } }),
  "url-missing": tampered({ header: { url: undefined } }),
  "url-other": async (bench) => {
    const client = await bench.client();
    return said(await orderWith(client, bench.name(), { header: { url: client.url("new-account") } }));
  },
  "jwk-and-kid": async (bench) => {
    const client = await bench.client();
    return said(await orderWith(client, bench.name(), { header: { jwk: client.key.jwk } }));
  },
  "neither-jwk-nor-kid": tampered({ header: { kid: undefined } }),
  "jwk-for-order": async (bench) => {
    const client = await bench.client();
    return said(await orderWith(client, bench.name(), { header: { jwk: client.key.jwk, kid: undefined } }));
  },
  "kid-for-new-account": async (bench) => {
    const client = await bench.client();
    return said(await client.post(client.url("new-account"), { termsOfServiceAgreed: true }));
  },
  "unprotected-header": tampered({ body: (jws) => JSON.stringify({ ...jws, header: { alg: "ES256" } }) }),
  "two-signatures": async (bench) => {
    const client = await bench.client();
    const body = ({ payload, ...signature }: Jws) =>
      JSON.stringify({ payload, signatures: [signature, signature] });
    return said(await orderWith(client, bench.name(), { body }));
  },
  "b64-false": tampered({ header: { b64: false, crit: ["b64"] } }),
  "compact-jws": tampered({ body: (jws) => `${jws.protected}.${jws.payload}.${jws.signature}` }),
  "kid-unknown": async (bench) => {
    const client = await bench.client();
    return said(await orderWith(client, bench.name(), { header: { kid: client.url("account/nobody") } }));
  },
  "signature-of-another-key": tampered({ key: newAccountKey() }),
  "payload-changed": tampered({ body: (jws) => JSON.stringify({ ...jws, payload: "e30" }) }),
  "content-type": tampered({ contentType: "application/json" }),
  "no-content-length": plain({ "transfer-encoding": "chunked" }),
  "no-user-agent": plain({}),
  "body-of-2-mib": tampered({ body: (jws) => JSON.stringify({ ...jws, padding: "x".repeat(2 << 20) }) }),
  "body-nested-deeply": tampered({
    body: (jws) =>
      JSON.stringify(jws).replace(/}$/, `,"nested":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
  }),
  "unknown-provisioner": async (bench) => {
    const client = await bench.client();
    const url = client.url("new-order").replace("/acme/acme/", "/acme/unknown/");
    return said(await client.post(url, { identifiers: [{ type: "dns", value: bench.name() }] }));
  },
};

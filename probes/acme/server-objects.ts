import { createPublicKey, sign as signBytes } from "node:crypto";
import { BOUND } from "../../lab/waits.ts";
import type { Bench } from "./bench.ts";
import { signingRequest } from "./certificate.ts";
import { type AcmeClient, type Authorization, type Order, said } from "./client.ts";
import { type Jws, newAccountKey, signJws } from "./jws.ts";
import { ordered, type Pending, respondTo } from "./obtain.ts";
import type { Ask, Rows } from "./rows.ts";

/* What RFC 8555 section 7 asks of accounts, orders, authorizations, challenges and certificates. */

async function pending(bench: Bench): Promise<{ client: AcmeClient; at: Pending }> {
  const client = await bench.client();
  return { client, at: await ordered(client, bench.name()) };
}

/** An order whose one authorization is valid. */
async function ready(bench: Bench): Promise<{ client: AcmeClient; at: Pending }> {
  const { client, at } = await pending(bench);
  respondTo(at, client, bench.responder, bench.key);
  await client.respond(at.challenge);
  bench.responder.forget(at.name);
  return { client, at };
}

/** Finalizes a ready order with a request that names this. */
function finalized(make: (name: string, bench: Bench) => Buffer): Ask {
  return async (bench) => {
    const { client, at } = await ready(bench);
    const csr = make(at.name, bench).toString("base64url");
    return said(await client.post(at.order.object.finalize, { csr }));
  };
}

/** What another account gets of something of this one's. */
function stranger(url: (at: Pending) => string, payload: unknown = ""): Ask {
  return async (bench) => {
    const { at } = await pending(bench);
    const other = await bench.client();
    return said(await other.post(url(at), payload));
  };
}

/** An unsigned GET. */
function unsigned(url: (at: Pending) => string): Ask {
  return async (bench) => {
    const { client, at } = await pending(bench);
    return said(await client.ask("GET", url(at)));
  };
}

const REVOKE = "revoke-cert";

function derOf(pem: string): string {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64").toString("base64url");
}

/** Issues a certificate, then asks these revocations of it one after the other. */
function revoked(
  ...asks: ((client: AcmeClient, certificate: string, bench: Bench) => Promise<string>)[]
): Ask {
  return async (bench) => {
    const client = await bench.client();
    const { chain } = await bench.obtained(client);
    const certificate = derOf(chain[0] ?? "");
    const answers: string[] = [];
    for (const ask of asks) answers.push(await ask(client, certificate, bench));
    return answers.join(", then ");
  };
}

async function revoke(client: AcmeClient, certificate: string, reason?: number): Promise<string> {
  const payload = { certificate, ...(reason === undefined ? {} : { reason }) };
  return said(await client.post(client.url(REVOKE), payload));
}

const nobodyAnswers = async (bench: Bench) => {
  const { client, at } = await pending(bench);
  // No response stands for the name: the responder ends the handshake with an alert, and ALPN selects nothing.
  await client.respond(at.challenge);
  return { client, at };
};

const wrongResponse = async (bench: Bench) => {
  const { client, at } = await pending(bench);
  const other = { ...at, challenge: { ...at.challenge, token: `${at.challenge.token}x` } };
  respondTo(other, client, bench.responder, bench.key);
  await client.respond(at.challenge);
  bench.responder.forget(at.name);
  return { client, at };
};

export const OBJECT_ROWS: Rows = {
  "get-order": unsigned(({ order }) => order.url),
  "get-authorization": unsigned(({ authorization }) => authorization.url),
  "get-challenge": unsigned(({ challenge }) => challenge.url),
  "get-certificate": async (bench) => {
    const client = await bench.client();
    const { final } = await bench.obtained(client);
    return said(await client.ask("GET", final.certificate ?? ""));
  },
  "stranger-reads-order": stranger(({ order }) => order.url),
  "stranger-reads-authorization": stranger(({ authorization }) => authorization.url),
  "stranger-answers-challenge": stranger(({ challenge }) => challenge.url, {}),
  "stranger-finalizes": async (bench) => {
    const { at } = await ready(bench);
    const other = await bench.client();
    const csr = signingRequest(bench.key, "", [at.name]).toString("base64url");
    return said(await other.post(at.order.object.finalize, { csr }));
  },
  "stranger-reads-certificate": async (bench) => {
    const { final } = await bench.obtained(await bench.client());
    return said(await (await bench.client()).post(final.certificate ?? "", ""));
  },
  "stranger-reads-account": async (bench) => {
    const [one, other] = [await bench.client(), await bench.client()];
    const answer = await other.post(one.account ?? "", "");
    const { location } = answer.headers;
    const whose = location === other.account ? "its own" : location === undefined ? "no" : "the other";
    return `${said(answer)}, ${whose} account`;
  },
  "account-again": async (bench) => {
    const client = await bench.client();
    const url = client.account;
    client.account = undefined;
    const answer = await client.post(client.url("new-account"), { termsOfServiceAgreed: true });
    return `${said(answer)}, ${answer.headers.location === url ? "the same" : "another"} Location`;
  },
  "account-only-existing": async (bench) => {
    const client = await bench.client();
    client.account = undefined;
    const header = { jwk: undefined };
    const other = newAccountKey();
    const payload = { onlyReturnExisting: true };
    const tampering = { header: { ...header, jwk: other.jwk }, key: other };
    return said(await client.post(client.url("new-account"), payload, tampering));
  },
  "account-deactivated": async (bench) => {
    const client = await bench.client();
    const first = said(await client.post(client.account ?? "", { status: "deactivated" }));
    const identifiers = [{ type: "dns", value: bench.name() }];
    return `${first}, then ${said(await client.post(client.url("new-order"), { identifiers }))}`;
  },
  "account-orders": async (bench) => {
    const { client } = await pending(bench);
    const answer = await client.post(`${client.account ?? ""}/orders`, "");
    const list = JSON.parse(answer.body) as unknown;
    return `${said(answer)}, ${Array.isArray(list) ? "an array" : `an object of ${Object.keys(list as object).join(", ")}`}`;
  },
  "key-change": async (bench) => {
    const client = await bench.client();
    const next = newAccountKey();
    const url = client.url("key-change");
    const inner = signJws(
      { alg: "ES256", jwk: next.jwk, url },
      { account: client.account, oldKey: client.key.jwk },
      next,
    );
    return said(await client.post(url, inner));
  },
  "finalize-too-early": async (bench) => {
    const { client, at } = await pending(bench);
    const csr = signingRequest(bench.key, "", [at.name]).toString("base64url");
    return said(await client.post(at.order.object.finalize, { csr }));
  },
  "finalize-as-ordered": finalized((name, { key }) => signingRequest(key, "", [name])),
  "finalize-twice": async (bench) => {
    const client = await bench.client();
    const { order, name } = await bench.obtained(client);
    const csr = signingRequest(bench.key, "", [name]).toString("base64url");
    return said(await client.post(order.object.finalize, { csr }));
  },
  "csr-more-names": finalized((name, { key, zone }) => signingRequest(key, "", [name, `more.${zone}`])),
  "csr-other-name": finalized((_name, { key, zone }) => signingRequest(key, "", [`more.${zone}`])),
  "csr-without-name": finalized((_name, { key }) => signingRequest(key, "", [])),
  "csr-other-common-name": finalized((name, { key, zone }) => signingRequest(key, `more.${zone}`, [name])),
  "csr-no-request": finalized(() => Buffer.from("no request")),
  "csr-padded": async (bench) => {
    const { client, at } = await ready(bench);
    const csr = signingRequest(bench.key, "", [at.name]).toString("base64url");
    return said(
      await client.post(at.order.object.finalize, {
        csr: csr.padEnd(4 * Math.ceil((csr.length + 1) / 4), "="),
      }),
    );
  },
  "certificate-for-a-year": async (bench) => {
    const client = await bench.client();
    const name = bench.name();
    const notAfter = new Date(Date.now() + 365 * 86_400_000).toISOString();
    const at = await ordered(client, name, { notAfter });
    respondTo(at, client, bench.responder, bench.key);
    await client.respond(at.challenge);
    bench.responder.forget(name);
    const csr = signingRequest(bench.key, "", [name]).toString("base64url");
    return said(await client.post(at.order.object.finalize, { csr }));
  },
  "certificate-chain": async (bench) => {
    const { chain, final } = await bench.obtained(await bench.client());
    const status = final.status;
    return `order ${status}, ${chain.length} certificates`;
  },
  "certificate-links": async (bench) => {
    const client = await bench.client();
    const { final } = await bench.obtained(client);
    const { headers } = await client.post(final.certificate ?? "", "");
    return `${headers["content-type"] ?? "no type"}; Link ${linksOf(headers.link)}`;
  },
  "challenge-not-answered": async (bench) => {
    const { client, at } = await nobodyAnswers(bench);
    return statesOf(client, at);
  },
  "challenge-failed": async (bench) => {
    const { client, at } = await wrongResponse(bench);
    return statesOf(client, at);
  },
  "challenge-failed-again": async (bench) => {
    const { client, at } = await wrongResponse(bench);
    respondTo(at, client, bench.responder, bench.key);
    const answer = await client.post(at.challenge.url, {}, { boundMs: BOUND.acmeValidationMs });
    bench.responder.forget(at.name);
    return `${said(answer)} ${(JSON.parse(answer.body) as { status?: string }).status ?? ""}`;
  },
  "challenge-by-post-as-get": async (bench) => {
    const { client, at } = await pending(bench);
    respondTo(at, client, bench.responder, bench.key);
    const { status } = await client.read<{ status: string }>(at.challenge.url);
    bench.responder.forget(at.name);
    return status === "valid" ? "validates" : `stays ${status}`;
  },
  "challenge-links": async (bench) => {
    const { client, at } = await pending(bench);
    respondTo(at, client, bench.responder, bench.key);
    const { headers } = await client.post(at.challenge.url, {});
    bench.responder.forget(at.name);
    return `Link ${linksOf(headers.link)}`;
  },
  "pending-retry-after": async (bench) => {
    const { client, at } = await pending(bench);
    const { headers } = await client.post(at.authorization.url, "");
    return headers["retry-after"] === undefined ? "no Retry-After" : "Retry-After";
  },
  token: async (bench) => {
    const { at } = await pending(bench);
    const { at: other } = await pending(bench);
    const { token } = at.challenge;
    const alphabet = /^[\w-]+$/.test(token) ? "base64url" : "another alphabet";
    return `${token.length} characters of ${alphabet}, ${token === other.challenge.token ? "the same" : "another"} for the next order`;
  },
  "authorization-deactivated": async (bench) => {
    const { client, at } = await pending(bench);
    const answer = await client.post(at.authorization.url, { status: "deactivated" });
    const { status } = await client.read<Authorization>(at.authorization.url);
    return `${said(answer)}, then ${status}`;
  },
  "revoke-twice": revoked(
    (client, certificate) => revoke(client, certificate),
    (client, certificate) => revoke(client, certificate),
  ),
  "revoke-by-stranger": revoked(async (_client, certificate, bench) =>
    revoke(await bench.client(), certificate),
  ),
  "revoke-reason-7": revoked((client, certificate) => revoke(client, certificate, 7)),
  "revoke-reason-1": revoked((client, certificate) => revoke(client, certificate, 1)),
  "revoke-by-the-certificates-key": async (bench) => {
    const { chain, key } = await bench.obtained(await bench.client());
    const client = await bench.client();
    const url = client.url(REVOKE);
    const jwk = createPublicKey(key.privateKey).export({ format: "jwk" });
    const header = { alg: "RS256", jwk, kid: undefined };
    const sign = ({ protected: head, payload }: Jws) => {
      const signature = signBytes("sha256", Buffer.from(`${head}.${payload}`), key.privateKey);
      return JSON.stringify({ protected: head, payload, signature: signature.toString("base64url") });
    };
    return said(await client.post(url, { certificate: derOf(chain[0] ?? "") }, { header, body: sign }));
  },
  "revoke-garbage": async (bench) => revoke(await bench.client(), "AAAA"),
};

/** Rels of a Link header in its order, RFC 8288. */
function linksOf(link: string | string[] | undefined): string {
  const rels = [...String(link ?? "").matchAll(/rel="?([\w-]+)/g)].map(([, rel]) => rel);
  return [...new Set(rels)].join(", ") || "absent";
}

async function statesOf(client: AcmeClient, { order, authorization }: Pending): Promise<string> {
  const seen = await client.read<Authorization>(authorization.url);
  const [challenge] = seen.challenges ?? [];
  const after = await client.read<Order>(order.url);
  const problem = challenge?.error?.type?.split(":").at(-1) ?? "no error";
  return `challenge ${challenge?.status ?? "absent"} (${problem}), authorization ${seen.status}, order ${after.status}`;
}

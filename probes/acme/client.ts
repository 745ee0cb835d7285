import { type Answer, exchangeHttp } from "../../lab/exchange.ts";
import type { Lab } from "../../lab/lab.ts";
import { BOUND } from "../../lab/waits.ts";
import { type AccountKey, type Header, type Jws, newAccountKey, signJws } from "./jws.ts";

/** An ACME server as one place of the lab reaches it. */
export interface AcmeServer {
  readonly lab: Lab;
  /** The client's namespace. */
  readonly from: string;
  readonly address: string;
  readonly port: number;
  /** Name that its certificate is verified against. */
  readonly name: string;
  readonly provisioner: string;
  /** PEM. */
  readonly roots: string;
}

/** What a request has in place of what a right one would have. */
export interface Tampering {
  /** Fields of the protected header; one that is `undefined` is left out. */
  readonly header?: Header;
  /** Signs with that key instead of the account's. */
  readonly key?: AccountKey;
  readonly contentType?: string;
  /** The text that is sent for the signed body. */
  readonly body?: (jws: Jws) => string;
  readonly boundMs?: number;
}

/** Where an answer's object stands: `Location`, RFC 8555 section 7. */
export interface Created<T> {
  readonly url: string;
  readonly object: T;
}

export interface Order {
  readonly status: string;
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate?: string;
}

export interface Challenge {
  readonly type: string;
  readonly url: string;
  readonly status: string;
  readonly token: string;
  readonly error?: Problem;
}

export interface Authorization {
  readonly status: string;
  readonly identifier: { readonly type: string; readonly value: string };
  readonly challenges: readonly Challenge[] | null;
}

/** RFC 7807, with a type of RFC 8555 section 6.7. */
interface Problem {
  readonly type?: string;
  readonly detail?: string;
}

/** An answer of the server that is none to go on with. */
class AcmeRefusal extends Error {
  readonly answer: Answer;

  constructor(doing: string, answer: Answer) {
    super(`${doing}: ${said(answer)}`);
    this.answer = answer;
  }
}

/**
 * A client of RFC 8555: one account, each request over a connection of its own from its namespace. Its own methods ask
 * rightly; `post` sends what a test wants to be refused.
 */
export class AcmeClient {
  readonly key: AccountKey;
  readonly #server: AcmeServer;
  readonly #nonces: string[] = [];
  /** The account's URL, RFC 8555 section 6.2. */
  account: string | undefined;

  constructor(server: AcmeServer, key: AccountKey = newAccountKey()) {
    this.#server = server;
    this.key = key;
  }

  /** URL of one of the provisioner's resources: `new-order`. */
  url(resource: string): string {
    const { name, port, provisioner } = this.#server;
    return `https://${name}:${port}/acme/${provisioner}/${resource}`;
  }

  /** An unsigned request. */
  ask(
    method: string,
    url: string,
    more: { body?: string; headers?: Readonly<Record<string, string>>; boundMs?: number } = {},
  ): Promise<Answer> {
    const { lab, from, address, port, name, roots } = this.#server;
    const { boundMs = BOUND.exchangeMs, headers = {}, ...rest } = more;
    const { host, pathname } = new URL(url);
    const tls = { servername: name, roots };
    const asked = { address, port, path: pathname, method, headers: { host, ...headers }, tls, ...rest };
    return exchangeHttp(lab, from, asked, boundMs);
  }

  async nonce(): Promise<string> {
    const kept = this.#nonces.pop();
    if (kept !== undefined) return kept;
    const answer = await this.ask("HEAD", this.url("new-nonce"));
    const fresh = answer.headers["replay-nonce"];
    if (typeof fresh !== "string") throw new AcmeRefusal("new-nonce", answer);
    return fresh;
  }

  /** A signed request, RFC 8555 section 6.2: by the account's URL once there is one, by its key before. */
  async post(url: string, payload: unknown, tampering: Tampering = {}): Promise<Answer> {
    const { header = {}, key = this.key, contentType = "application/jose+json" } = tampering;
    const { body = (jws: Jws) => JSON.stringify(jws), boundMs } = tampering;
    const who = this.account === undefined ? { jwk: this.key.jwk } : { kid: this.account };
    const nonce = "nonce" in header ? header["nonce"] : await this.nonce();
    const jws = signJws({ alg: "ES256", ...who, url, ...header, nonce }, payload, key);
    const answer = await this.ask("POST", url, {
      body: body(jws),
      headers: { "content-type": contentType, "user-agent": "phx" },
      ...(boundMs === undefined ? {} : { boundMs }),
    });
    const next = answer.headers["replay-nonce"];
    if (typeof next === "string") this.#nonces.push(next);
    return answer;
  }

  /** POST-as-GET, RFC 8555 section 6.3. */
  async read<T>(url: string): Promise<T> {
    return jsonOf<T>(`read ${url}`, await this.post(url, ""), 200);
  }

  async register(): Promise<string> {
    const answer = await this.post(this.url("new-account"), { termsOfServiceAgreed: true });
    this.account = locationOf("new-account", answer);
    return this.account;
  }

  /** Gives the account up, RFC 8555 section 7.3.6. */
  async retire(): Promise<void> {
    jsonOf("deactivate", await this.post(this.account ?? "", { status: "deactivated" }), 200);
  }

  /** An order for these DNS names; the refusal holds the server's answer. */
  async order(names: readonly string[], more: { readonly notAfter?: string } = {}): Promise<Created<Order>> {
    const identifiers = names.map((value) => ({ type: "dns", value }));
    const answer = await this.post(this.url("new-order"), { identifiers, ...more });
    const object = jsonOf<Order>("new-order", answer, 201);
    return { url: locationOf("new-order", answer), object };
  }

  /** The only authorization of an order for one name. */
  async authorization({ authorizations }: Order): Promise<Authorization & { readonly url: string }> {
    const [url = ""] = authorizations;
    return { url, ...(await this.read<Authorization>(url)) };
  }

  /** Says that the response stands, RFC 8555 section 7.5.1. Step-CA validates before it answers. */
  async respond(
    { url }: Pick<Challenge, "url">,
    boundMs: number = BOUND.acmeValidationMs,
  ): Promise<Challenge> {
    return jsonOf<Challenge>("challenge", await this.post(url, {}, { boundMs }), 200);
  }

  async finalize({ finalize }: Order, csr: Buffer): Promise<Order> {
    const answer = await this.post(finalize, { csr: csr.toString("base64url") });
    return jsonOf<Order>("finalize", answer, 200);
  }

  /** The chain that an order ended in, leaf first, as PEM. */
  async certificate({ certificate = "" }: Order): Promise<string[]> {
    const answer = await this.post(certificate, "");
    if (answer.status !== 200) throw new AcmeRefusal("certificate", answer);
    return answer.body.match(PEM) ?? [];
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** `400 malformed`, `201`: a status and the last word of the problem's type. */
export function said({ status, body }: Answer): string {
  const type = problemType(body);
  return type === "" ? String(status) : `${status} ${type}`;
}

function problemType(body: string): string {
  try {
    return (JSON.parse(body) as Problem).type?.split(":").at(-1) ?? "";
  } catch {
    return "";
  }
}

function jsonOf<T>(doing: string, answer: Answer, expected: number): T {
  if (answer.status !== expected) throw new AcmeRefusal(doing, answer);
  try {
    return JSON.parse(answer.body) as T;
  } catch {
    throw new AcmeRefusal(`${doing} (no JSON)`, answer);
  }
}

function locationOf(doing: string, answer: Answer): string {
  const { location } = answer.headers;
  if (location === undefined || answer.status >= 300) throw new AcmeRefusal(doing, answer);
  return location;
}

import type { Bench } from "./bench.ts";
import { type Authorization, type Order, said } from "./client.ts";
import { ordered } from "./obtain.ts";
import type { Ask, Rows } from "./rows.ts";

/* Which identifiers a server takes an order for: RFC 8555 sections 7.1.4 and 7.4, and its own name policy. */

interface Identifier {
  readonly type: string;
  readonly value: string;
}

function order(identifiers: (bench: Bench) => readonly Identifier[], more: object = {}): Ask {
  return async (bench) => {
    const client = await bench.client();
    const answer = await client.post(client.url("new-order"), { identifiers: identifiers(bench), ...more });
    if (answer.status !== 201) return said(answer);
    const made = JSON.parse(answer.body) as Order & { identifiers?: readonly Identifier[] };
    const values = (made.identifiers ?? []).map(({ value }) => value).join(" ");
    const count = made.authorizations.length;
    return `201, ${values.length > 60 ? `${count} authorizations` : values}`;
  };
}

const dns = (value: (zone: string) => string) => order(({ zone }) => [{ type: "dns", value: value(zone) }]);

export const NAME_ROWS: Rows = {
  "name-of-the-zone": dns((zone) => `one.${zone}`),
  "name-outside": dns(() => "portal.example.org"),
  "name-of-two-levels": dns((zone) => `a.b.${zone}`),
  "name-apex": dns((zone) => zone),
  "name-of-the-ca": dns((zone) => `ca.${zone}`),
  "name-upper-case": dns((zone) => `UPPER.${zone}`),
  "name-trailing-dot": dns((zone) => `dot.${zone}.`),
  "name-underscore": dns((zone) => `under_score.${zone}`),
  "name-idn": dns((zone) => `xn--bcher-kva.${zone}`),
  "name-not-ascii": dns((zone) => `bücher.${zone}`),
  "name-label-of-64": dns((zone) => `${"a".repeat(64)}.${zone}`),
  "name-empty": dns(() => ""),
  "name-empty-label": dns((zone) => `a..${zone}`),
  "name-hyphen-first": dns((zone) => `-a.${zone}`),
  "name-wildcard": dns((zone) => `*.${zone}`),
  "name-address-as-dns": dns(() => "10.9.0.10"),
  "identifier-ip": order(() => [{ type: "ip", value: "10.9.0.10" }]),
  "identifier-of-no-type": order(() => [{ type: "email", value: "a@example.org" }]),
  "identifiers-none": order(() => []),
  "identifiers-twice": order(({ zone }) => [
    { type: "dns", value: `twice.${zone}` },
    { type: "dns", value: `twice.${zone}` },
  ]),
  "identifiers-one-refused": order(({ zone }) => [
    { type: "dns", value: `one.${zone}` },
    { type: "dns", value: "portal.example.org" },
  ]),
  "identifiers-1000": order(({ zone }) =>
    Array.from({ length: 1_000 }, (_, index) => ({ type: "dns", value: `m${index}.${zone}` })),
  ),
  "order-in-the-past": order(({ zone }) => [{ type: "dns", value: `one.${zone}` }], {
    notBefore: "2020-01-01T00:00:00Z",
    notAfter: "2020-01-02T00:00:00Z",
  }),
  "order-for-a-year": order(({ zone }) => [{ type: "dns", value: `one.${zone}` }], {
    notAfter: new Date(Date.now() + 365 * 86_400_000).toISOString(),
  }),
  "challenges-offered": async (bench) => {
    const client = await bench.client();
    const { authorization } = await ordered(client, bench.name());
    return (authorization.challenges ?? []).map(({ type }) => type).join(", ") || "none";
  },
  "challenge-guessed": async (bench) => {
    const client = await bench.client();
    const { authorization, challenge } = await ordered(client, bench.name());
    const guessed = challenge.url.replace(/[^/]+$/, "http-01");
    const answer = await client.post(guessed, {});
    const { status } = await client.read<Authorization>(authorization.url);
    return `${said(answer)}, authorization ${status}`;
  },
};

import { createHash } from "node:crypto";
import { BOUND, readBack } from "../../lab/waits.ts";
import type { Bench } from "./bench.ts";
import {
  ACME_IDENTIFIER,
  acmeIdentifier,
  challengeCertificate,
  type ChallengeCertificate,
  digestOf,
  octets,
} from "./certificate.ts";
import type { AcmeClient, Challenge } from "./client.ts";
import { newAccountKey } from "./jws.ts";
import { ordered, type Pending, respondTo } from "./obtain.ts";
import type { Manners } from "./responder.ts";
import type { Ask, Rows } from "./rows.ts";

/* The server as the validator of TLS-ALPN-01: what it does towards a responder of ours, RFC 8737 sections 3 and 4. */

/** id-pe-acmeIdentifier of the drafts before 05. */
const OBSOLETE_IDENTIFIER = "1.3.6.1.5.5.7.1.30.1";

interface Asked {
  readonly client: AcmeClient;
  readonly at: Pending;
}

type Shown = Partial<ChallengeCertificate>;

/** `valid`, `invalid (rejectedIdentifier)`. */
function words({ status, error }: Challenge): string {
  const type = error?.type?.split(":").at(-1);
  return type === undefined ? status : `${status} (${type})`;
}

/** What becomes of a challenge whose certificate differs from the right one in this. */
function shown(differing: (asked: Asked) => Shown): Ask {
  return async (bench) => {
    const client = await bench.client();
    const at = await ordered(client, bench.name());
    const right = {
      altNames: [{ type: 2 as const, value: at.name }],
      extensions: [acmeIdentifier(at.challenge.token, client.key)],
    };
    const cert = challengeCertificate(bench.key, { ...right, ...differing({ client, at }) });
    bench.responder.respond(at.name, { cert, key: bench.key.pem });
    try {
      return words(await client.respond(at.challenge));
    } finally {
      bench.responder.forget(at.name);
    }
  };
}

/** The right certificate, with an extension value in place of its own. */
function valued(value: (asked: Asked) => Buffer): Ask {
  return shown((asked) => ({ extensions: [{ oid: ACME_IDENTIFIER, critical: true, value: value(asked) }] }));
}

function digest({ client, at }: Asked): Buffer {
  return digestOf(at.challenge.token, client.key);
}

/** The right certificate, by a responder that has manners of its own. */
function answered(manners: Manners): Ask {
  return async (bench) => {
    const { name, responder } = await bench.target(manners);
    const client = await bench.client();
    const at = await ordered(client, name);
    respondTo(at, client, responder, bench.key);
    const challenge = await client.respond(at.challenge);
    const versions = [...new Set(responder.handshakes.map(({ version }) => version))].filter(Boolean);
    return `${words(challenge)}${versions.length > 0 ? `, ${versions.join(" ")}` : ""}`;
  };
}

/** Validates a name that resolves to this, and tells where the validator came. */
function resolved(to: (bench: Bench, address: string, name: string) => readonly string[]): Ask {
  return async (bench) => {
    const { name, address, responder } = await bench.target();
    bench.names.set(name, to(bench, address, name));
    const client = await bench.client();
    const at = await ordered(client, name);
    respondTo(at, client, responder, bench.key);
    const challenge = await client.respond(at.challenge);
    const [handshake] = responder.handshakes;
    const sni =
      handshake === undefined
        ? "no handshake"
        : handshake.sni === name
          ? "SNI the ordered name"
          : "another SNI";
    return `${words(challenge)}, ${sni}`;
  };
}

export const VALIDATOR_ROWS: Rows = {
  VA1: async (bench) => {
    const { name, responder } = await bench.target();
    const client = await bench.client();
    const at = await ordered(client, name);
    respondTo(at, client, responder, bench.key);
    const challenge = await client.respond(at.challenge);
    const seen = responder.handshakes.map(
      ({ sni, offered, selected }) =>
        `SNI ${sni === name ? "the name" : sni}, offers ${offered.join(" ")}, gets ${selected}`,
    );
    return `${words(challenge)}: ${seen.join("; ")}`;
  },
  "VA2-tls-1.1": answered({ highest: "TLSv1.1" }),
  "VA2-tls-1.2": answered({ highest: "TLSv1.2" }),
  VA3: async (bench) => {
    const { name, responder } = await bench.target();
    const client = await bench.client();
    const at = await ordered(client, name);
    respondTo(at, client, responder, bench.key);
    await client.respond(at.challenge);
    const [handshake] = responder.handshakes;
    await handshake?.ended;
    return `${handshake?.bytes ?? "no"} bytes, ${handshake?.end ?? "no handshake"}`;
  },
  VA4: shown(({ at }) => ({ altNames: [{ type: 2, value: at.name.toUpperCase() }] })),
  "VA5-missing": shown(() => ({ extensions: [] })),
  "VA5-not-critical": shown(({ client, at }) => ({
    extensions: [{ ...acmeIdentifier(at.challenge.token, client.key), critical: false }],
  })),
  "VA5-obsolete": shown(({ client, at }) => ({
    extensions: [{ ...acmeIdentifier(at.challenge.token, client.key), oid: OBSOLETE_IDENTIFIER }],
  })),
  "VA6-other-token": valued(({ client, at }) => octets(digestOf(`${at.challenge.token}x`, client.key))),
  "VA6-other-account": valued(({ at }) => octets(digestOf(at.challenge.token, newAccountKey()))),
  "VA6-token-only": valued(({ at }) => octets(createHash("sha256").update(at.challenge.token).digest())),
  "VA7-no-octet-string": valued(digest),
  "VA7-31-bytes": valued((asked) => octets(digest(asked).subarray(0, 31))),
  "VA7-trailing-der": valued((asked) => Buffer.concat([octets(digest(asked)), Buffer.from([0x05, 0x00])])),
  "VA8-two-names": shown(({ at }) => ({
    altNames: [
      { type: 2, value: at.name },
      { type: 2, value: `more.${at.name}` },
    ],
  })),
  "VA8-other-name": shown(({ at }) => ({ altNames: [{ type: 2, value: `other-${at.name}` }] })),
  "VA8-no-name": shown(() => ({ altNames: [] })),
  "VA9-and-address": shown(({ at }) => ({
    altNames: [
      { type: 2, value: at.name },
      { type: 7, ip: "10.9.0.10" },
    ],
  })),
  "VA9-and-mail": shown(({ at }) => ({
    altNames: [
      { type: 2, value: at.name },
      { type: 1, value: "a@example.org" },
    ],
  })),
  "VA10-no-alpn": answered({ alpn: "none" }),
  "VA10-only-h2": answered({ alpn: "h2" }),
  VA11: async (bench) => {
    const { name, address, responder } = await bench.target();
    await responder[Symbol.asyncDispose]();
    const client = await bench.client();
    const at = await ordered(client, name);
    const first = words(await client.respond(at.challenge));
    bench.names.set(name, [bench.address]);
    respondTo(at, client, bench.responder, bench.key);
    const again = words(await client.respond(at.challenge));
    bench.responder.forget(name);
    bench.names.set(name, [address]);
    return `${first}, then ${again}`;
  },
  VA12: async (bench) => {
    const { name, responder } = await bench.target({ mute: true });
    const client = await bench.client();
    const at = await ordered(client, name);
    const started = performance.now();
    const answer = client.post(at.challenge.url, {}, { boundMs: BOUND.acmeSilenceMs });
    const how = await answer.then(
      ({ status }) => `${status}`,
      () => "the connection breaks",
    );
    const waitedMs = performance.now() - started;
    const told = async () => {
      const [challenge] = (await client.authorization(at.order.object)).challenges ?? [];
      return challenge?.error ? challenge : undefined;
    };
    const challenge = await readBack(told, BOUND.exchangeMs);
    const bounded =
      waitedMs < BOUND.acmeSilenceMs ? `within ${BOUND.acmeSilenceMs / 1_000} s` : "not in time";
    return `${how} ${bounded}, challenge ${challenge ? words(challenge) : "absent"}, ${responder.handshakes.length} connections`;
  },
  "VA13-expired": shown(() => ({ notBefore: new Date(0), notAfter: new Date(86_400_000) })),
  "VA14-a-and-aaaa": resolved((bench, address) => [bench.deaf6, address]),
  "VA14-cname": resolved((bench, address, name) => {
    bench.names.set(`target-${name}`, [address]);
    return [`target-${name}`];
  }),
  "VA14-two-addresses": resolved((bench, address) => [bench.deaf, address]),
};

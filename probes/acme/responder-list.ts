import { createServer } from "node:net";
import { writeLabFile } from "../../lab/files.ts";
import { boundTcp, connectTcp } from "../../lab/socket.ts";
import { BOUND, readBack } from "../../lab/waits.ts";
import type { Bench } from "./bench.ts";
import { ACME_IDENTIFIER, extensionsOf } from "./certificate.ts";
import { ordered, respondTo } from "./obtain.ts";
import { ACME_TLS } from "./responder.ts";
import type { Ask, Rows } from "./rows.ts";
import { type Hello, type Shaken, shakeHands } from "./validator.ts";

/* A responder while its challenge is pending, asked by us in the validator's place: RFC 8737 sections 3 and 4. */

/** A responder with a challenge of `name` pending. */
interface Held {
  readonly name: string;
  readonly address: string;
  /** Lets the validation go on, and waits for what comes of it; the name's own certificate where one is served then. */
  readonly release: () => Promise<string>;
}

type Answers = Readonly<Record<string, string>>;

async function observe({ server, zone }: Bench, hold: () => Promise<Held>, idle: string): Promise<Answers> {
  const shake = (hello: Hello) => shakeHands(server.lab, server.from, hello);
  const before = await shake({ address: idle, servername: `idle.${zone}`, alpn: [ACME_TLS] });
  const { name, address, release } = await hold();
  const asked = { address, servername: name };
  const right = await shake({ ...asked, alpn: [ACME_TLS] });
  const others: Record<string, Shaken> = {
    "R2-other-name": await shake({ address, servername: `other.${zone}`, alpn: [ACME_TLS] }),
    "R2-no-name": await shake({ address, alpn: [ACME_TLS] }),
    "R3-h2": await shake({ ...asked, alpn: ["h2"] }),
    "R3-http": await shake({ ...asked, alpn: ["http/1.1"] }),
    "R3-no-alpn": await shake(asked),
    R4: before,
    "R8-tls-1.1": await shake({ ...asked, alpn: [ACME_TLS], ...TLS_1_1 }),
  };
  const both = await shake({ ...asked, alpn: ["h2", ACME_TLS], data: HTTP2_PREFACE });
  const data = await shake({ ...asked, alpn: [ACME_TLS], data: "GET / HTTP/1.1\r\n\r\n" });
  const validated = await release();
  const after = await shake({ ...asked, alpn: [ACME_TLS] });
  const normal = await shake({ ...asked, alpn: ["http/1.1"] });
  return {
    R1: `${challengeWords(right, name)}; then ${validated}`,
    ...Object.fromEntries(Object.entries(others).map(([id, shaken]) => [id, plainWords(shaken)])),
    R5: plainWords(after),
    R6: `selects ${both.alpn || "nothing"} with ${kindOf(both)}, ${both.bytes} bytes`,
    R7: `${data.bytes} bytes, ${data.error ?? "closed"}`,
    R11: keysDiffer(right, normal),
  };
}

const TLS_1_1 = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
const HTTP2_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

function identifiersOf({ certificate }: Shaken) {
  return certificate ? extensionsOf(certificate.raw).filter(({ oid }) => oid === ACME_IDENTIFIER) : [];
}

/** What RFC 8737 section 3 asks of the certificate. */
function challengeWords(shaken: Shaken, name: string): string {
  const { certificate, alpn, error } = shaken;
  if (!certificate) return error ?? "no certificate";
  const [identifier, ...more] = identifiersOf(shaken);
  const faults = [
    ...(alpn === ACME_TLS ? [] : [`selects ${alpn || "nothing"}`]),
    ...(certificate.verify(certificate.publicKey) ? [] : ["is not self-signed"]),
    ...(certificate.subjectAltName === `DNS:${name}`
      ? []
      : [`names ${certificate.subjectAltName ?? "nothing"}`]),
    ...(identifier && more.length === 0 ? [] : [`has ${identifier ? more.length + 1 : 0} acmeIdentifiers`]),
    ...(identifier?.critical ? [] : ["has no critical acmeIdentifier"]),
    ...(identifier?.value.toString("hex").startsWith("0420") && identifier.value.length === 34
      ? []
      : ["has no digest"]),
  ];
  return faults.length > 0 ? `a certificate that ${faults.join(", ")}` : "the challenge certificate";
}

function kindOf(shaken: Shaken): string {
  if (!shaken.certificate) return shaken.error ?? "no certificate";
  return identifiersOf(shaken).length > 0 ? "the challenge certificate" : "another certificate";
}

function plainWords(shaken: Shaken): string {
  return shaken.certificate ? `${kindOf(shaken)} under ${shaken.alpn || "no ALPN"}` : kindOf(shaken);
}

function keysDiffer(challenge: Shaken, normal: Shaken): string {
  const [one, other] = [challenge.certificate, normal.certificate].map((certificate) =>
    certificate?.publicKey.export({ type: "spki", format: "der" }).toString("hex"),
  );
  if (one === undefined || other === undefined) return "no certificate to compare";
  return one === other ? "one key for both" : "a key of its own";
}

/** Each responder is looked at once for all its rows. */
function rowsOf(prefix: string, ids: readonly string[], look: (bench: Bench) => Promise<Answers>): Rows {
  const looks = new WeakMap<Bench, Promise<Answers>>();
  const once = (bench: Bench) => {
    const known = looks.get(bench) ?? look(bench);
    looks.set(bench, known);
    return known;
  };
  const ask =
    (id: string): Ask =>
    async (bench) =>
      (await once(bench))[id] ?? "nothing";
  return Object.fromEntries(ids.map((id) => [`${prefix}-${id}`, ask(id)]));
}

/** Our own responder, as the controls use it. */
async function own(bench: Bench): Promise<Answers> {
  const { name, address, responder } = await bench.target();
  const hold = async () => {
    const client = await bench.client();
    const at = await ordered(client, name);
    respondTo(at, client, responder, bench.key);
    const release = async () => {
      const { status } = await client.respond(at.challenge);
      responder.forget(name);
      return status;
    };
    return { name, address, release };
  };
  return observe(bench, hold, address);
}

/**
 * Traefik, held: its name resolves to a relay of ours that takes the validator's connection and passes it on only when all
 * else has been asked. Less than the validator's 30 s.
 */
async function traefik(bench: Bench): Promise<Answers> {
  const { server, mesh } = bench;
  const { lab, from } = server;
  // Its port is open a moment before it knows what to serve there.
  const serves = async () =>
    (await shakeHands(lab, from, { address: mesh.address, alpn: ["http/1.1"] })).certificate;
  if (!(await readBack(serves, BOUND.serverReadyMs))) throw new Error("Traefik serves nothing");
  await using relay = await heldRelay(bench);
  const { name } = relay;
  const hold = async () => {
    const router = {
      rule: `Host(\`${name}\`)`,
      service: "api@internal",
      tls: { certResolver: mesh.resolver },
    };
    const routers = { held: { entryPoints: ["websecure"], ...router } };
    writeLabFile(lab, `${mesh.folder}/held.yml`, JSON.stringify({ http: { routers } }));
    const come = () => relay.waiting() || undefined;
    if (!(await readBack(come, BOUND.certificatesMs)))
      throw new Error("no validation of Traefik's challenge began");
    const release = async () => {
      relay.release();
      const issued = async () => {
        const seen = await shakeHands(lab, from, {
          address: mesh.address,
          servername: name,
          alpn: ["http/1.1"],
        });
        return seen.certificate?.subjectAltName === `DNS:${name}` ? "valid" : undefined;
      };
      return (await readBack(issued, BOUND.certificatesMs)) ?? "no certificate";
    };
    return { name, address: mesh.address, release };
  };
  // Awaited: the relay stands until all is seen.
  return await observe(bench, hold, mesh.address);
}

interface Relay extends AsyncDisposable {
  readonly name: string;
  waiting(): boolean;
  release(): void;
}

async function heldRelay({ server, mesh, free }: Bench): Promise<Relay> {
  const { lab, from } = server;
  const { name, address } = free();
  const waiting: (() => void)[] = [];
  const relay = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {});
    waiting.push(() => {
      const inner = connectTcp(lab, from, mesh.address, 443);
      inner.on("error", () => socket.destroy());
      socket.on("close", () => inner.destroy());
      socket.pipe(inner).pipe(socket);
    });
  });
  await new Promise<void>((resolve) => relay.listen({ fd: boundTcp(lab, from, address, 443) }, resolve));
  return {
    name,
    waiting: () => waiting.length > 0,
    release: () => {
      for (const pass of waiting) pass();
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => relay.close(() => resolve())),
  };
}

const IDS = "R1 R2-other-name R2-no-name R3-h2 R3-http R3-no-alpn R4 R5 R6 R7 R8-tls-1.1 R11".split(" ");

/** A's responder shows B's challenge; B's own shows nothing. */
const forAnother: Ask = async (bench) => {
  const [one, other] = [await bench.target(), await bench.target()];
  const client = await bench.client();
  const at = await ordered(client, other.name);
  respondTo(at, client, one.responder, bench.key);
  const { status } = await client.respond(at.challenge);
  const seen = one.responder.handshakes.length;
  return `${status}, ${seen} handshakes at the other address`;
};

const atTheEdge: Ask = async ({ server, edge }) => {
  const asked = { address: edge.address, servername: edge.name };
  const alone = await shakeHands(server.lab, server.from, { ...asked, alpn: [ACME_TLS] });
  const among = await shakeHands(server.lab, server.from, { ...asked, alpn: [ACME_TLS, "http/1.1"] });
  return `${plainWords(alone)}; among others ${plainWords(among)}`;
};

export const RESPONDER_ROWS: Rows = {
  "nginx-R10": atTheEdge,
  "own-R9": forAnother,
  ...rowsOf("traefik", IDS, traefik),
  ...rowsOf(
    "own",
    IDS.filter((id) => id !== "R11"),
    own,
  ),
};

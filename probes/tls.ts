import { readFileSync } from "node:fs";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { outside } from "../lab/lab.ts";
import { connectTcp } from "../lab/socket.ts";
import { BOUND } from "../lab/waits.ts";
import type { ProbeContext } from "./context.ts";
import type { ServiceObservation } from "./observation.ts";
import type { TlsProbe } from "./probe.ts";

/**
 * One TLS handshake: the chain that the peer shows, and what verification against `roots` and the name says of it. The
 * handshake goes through whatever that says; a refused one is an answer too. Fact `renegotiated` where that is asked.
 */
export function observeTls({ lab, roots }: ProbeContext, probe: TlsProbe): Promise<ServiceObservation> {
  const { id, from, address, port, servername } = probe;
  const common = {
    kind: "tls",
    id,
    from,
    to: `${address}:${port}`,
    request: `TLS handshake for ${servername}${probe.renegotiates ? ", and another on its connection" : ""}`,
  } as const;
  const ca = readFileSync(outside(lab, roots[probe.roots]), "utf8");
  return new Promise((resolve) => {
    const tcp = connectTcp(lab, from, address, port);
    const tls = connect({
      socket: tcp,
      servername,
      ca,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2", "http/1.1"],
      ...(probe.renegotiates ? { maxVersion: "TLSv1.2" as const } : {}),
    });
    const end = (rest: Pick<ServiceObservation, "outcome" | "answer" | "facts">) => {
      clearTimeout(timer);
      tls.destroy();
      tcp.destroy();
      resolve({ ...common, ...rest });
    };
    const silent = `no answer within ${BOUND.exchangeMs} ms`;
    const timer = setTimeout(() => end({ outcome: "silent", answer: silent, facts: {} }), BOUND.exchangeMs);
    const refused = (error: NodeJS.ErrnoException) =>
      end({
        outcome: "answered",
        answer: `refused: ${error.code ?? error.message}`,
        facts: { refused: true },
      });
    tls.on("error", refused);
    tcp.on("error", refused);
    tls.on("secureConnect", () => {
      const error = tls.authorizationError as unknown as { code?: string; message?: string } | string | null;
      const why = typeof error === "string" ? error : (error?.code ?? error?.message ?? "");
      const facts = {
        refused: false,
        authorized: tls.authorized,
        authorizationError: why,
        protocol: tls.getProtocol() ?? "",
        cipher: tls.getCipher().name,
        alpn: tls.alpnProtocol || "",
        ...chainFacts(tls.getPeerCertificate(true)),
      };
      const answer = tls.authorized
        ? `verified, issued by ${facts.issuer}`
        : `not verified: ${why}, issued by ${facts.issuer}`;
      if (!probe.renegotiates) return end({ outcome: "answered", answer, facts });
      tls.off("error", refused);
      tcp.off("error", refused);
      const renegotiated = (error: NodeJS.ErrnoException | null) => {
        const how = error ? `refused: ${error.code ?? error.message}` : "taken";
        end({
          outcome: "answered",
          answer: `another handshake is ${how}`,
          facts: { ...facts, renegotiated: !error },
        });
      };
      const closed = () => renegotiated(new Error("closed"));
      tls.on("error", renegotiated);
      tcp.on("error", renegotiated);
      tls.on("close", closed);
      tls.renegotiate({}, renegotiated);
    });
  });
}

function chainFacts(leaf: DetailedPeerCertificate) {
  const chain: string[] = [];
  for (
    let each = leaf;
    each?.fingerprint256 && !chain.includes(each.fingerprint256);
    each = each.issuerCertificate
  ) {
    chain.push(each.fingerprint256);
  }
  return {
    subject: text(leaf.subject?.CN),
    issuer: text(leaf.issuer?.CN),
    names: (leaf.subjectaltname ?? "")
      .split(", ")
      .filter(Boolean)
      .map((name) => name.replace(/^DNS:/, "")),
    serial: (leaf.serialNumber ?? "").toLowerCase(),
    notBefore: leaf.valid_from ?? "",
    notAfter: leaf.valid_to ?? "",
    lifetimeSeconds: secondsBetween(Date.parse(leaf.valid_from), Date.parse(leaf.valid_to)),
    /** From this handshake to the end of the leaf's life. */
    remainingSeconds: secondsBetween(Date.now(), Date.parse(leaf.valid_to)),
    /** SHA-256 fingerprints, leaf first, the root last where it is known. */
    chain,
  };
}

function text(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(", ") : (value ?? "");
}

function secondsBetween(fromMs: number, toMs: number): number {
  return Math.floor((toMs - fromMs) / 1000);
}

import { HarnessError } from "../errors.ts";

/** Every wait of the harness has a bound, and each bound stands here. All in milliseconds. */
export const BOUND = {
  /** From the start of `unshare` to "ready" of the lab's init. */
  labStartMs: 5_000,
  /** From SIGKILL of the lab's init to the release of its lock. */
  labEndMs: 5_000,
  /** A lock that others hold only to look whether it is held. */
  lockMs: 1_000,
  /** Until another phx has changed the lab that this one is to change. */
  labBusyMs: 60_000,
  /** A command inside the lab (ip, iptables-restore, nginx -t). */
  commandMs: 30_000,
  /** From a server's start to its readiness. */
  serverReadyMs: 15_000,
  /** From Traefik's start with certificates that are to be renewed: it looks once a minute, then it orders. */
  renewalMs: 75_000,
  /** The same of a server on the operator's own files, which may never be: it then runs on, and the controls say why. */
  operatorMs: 30_000,
  /** From Traefik's start to all its certificates. */
  certificatesMs: 30_000,
  /** A batch of packets: until sent = captured + accounted. */
  conservationMs: 2_000,
  /** The same, after one batch of the same probe has reached that bound. */
  conservationAgainMs: 200,
  /** Until a sender's full queue has room for the rest of a batch of 1,024 packets. */
  sendQueueMs: 2_000,
  /** How long a sum must stay as it is where it did not stand at the first look: what comes slowly passes every number. */
  conservationStillMs: 25,
  /** One TCP connection: past the first retransmission of a SYN (1 s), so that one lost packet decides nothing. */
  connectMs: 1_600,
  /** One UDP question; it is asked again. */
  datagramMs: 500,
  /** Many DNS questions to one server, all together; and until the upstream's log has the last of them. */
  questionsMs: 4_000,
  /** Until a name server closes a TCP connection on which nothing more is asked: BIND's own patience is 30 s. */
  idleMs: 40_000,
  /** One TLS handshake, HTTP exchange or DNS query inside the lab. */
  exchangeMs: 3_000,
  /** Many ClientHellos to one server, all together: each suite that it takes costs one more. */
  hellosMs: 5_000,
  /** A challenge: an ACME server may look for its target longer than for an answer of its own, Step-CA 30 s. */
  acmeValidationMs: 10_000,
  /** A responder that has shaken hands: until it closes or says something. */
  responderSilenceMs: 2_500,
  /** A challenge whose target says nothing: past Step-CA's 30 s. */
  acmeSilenceMs: 35_000,
  /** From a server's answer to its line in the access log. */
  logMs: 300,
  /** A page in the browser, start of Chromium included. */
  browserMs: 20_000,
} as const;

/** Between an answer and the next request of traffic that flows while something else is done: 10 a second of each name. */
export const PACE_MS = 100;

/** Between two looks of a wait that polls. */
const POLL_MS = 5;

/**
 * Looks again until `look` gives something other than `undefined`, at most `boundMs`. Returns `undefined` when the bound
 * is reached: the caller decides whether that is a fault or an answer.
 */
export async function readBack<T>(
  look: () => T | undefined | Promise<T | undefined>,
  boundMs: number,
): Promise<T | undefined> {
  const end = performance.now() + boundMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined || performance.now() >= end) return seen;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** As `readBack`, where the bound is a fault: `not-ready`, with what was waited for and what was last seen. */
export async function awaitReady<T>(
  subject: string,
  expected: string,
  look: () => T | undefined | Promise<T | undefined>,
  boundMs: number,
  lastSeen: () => string = () => "nothing",
): Promise<T> {
  const seen = await readBack(look, boundMs);
  if (seen !== undefined) return seen;
  throw new HarnessError("not-ready", {
    subject,
    expected: `${expected} within ${boundMs} ms`,
    actual: lastSeen(),
  });
}

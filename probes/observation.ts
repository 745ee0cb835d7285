import { z } from "zod";
import { FlowKey } from "./flow-key.ts";

/** What happened to a packet. `no-listener`: it arrived, and the stack answered that nobody listens. */
export const PacketOutcome = z.enum([
  "delivered",
  "no-listener",
  "rejected",
  "dropped",
  "no-route",
  "unknown",
]);
export type PacketOutcome = z.infer<typeof PacketOutcome>;

/**
 * One counter's gain: `chain` as iptables names it (or `gateway reverse path`, `gateway routes`, `host routes`), `rule` as
 * iptables-save prints it, or the counter's or error's name.
 */
export const Account = z.object({
  chain: z.string(),
  rule: z.string(),
  effect: z.enum(["drop", "reject", "no-route"]),
  gain: z.number().int().positive(),
});
export type Account = z.infer<typeof Account>;

/** An answer that refused probes on their way: seen where it was made, since it often dies before it is back. */
export const Refusal = z.object({
  /** `RST`, or type and code: `ICMP 3/10`. */
  answer: z.string(),
  /** The address that the answer came from; an RST comes in the destination's name. */
  by: z.string(),
  /** The namespace in which it was seen. */
  at: z.string(),
  /** For which of the probes. Where many were refused a sample is asked again and watched. */
  keys: z.array(FlowKey),
});
export type Refusal = z.infer<typeof Refusal>;

/** Packets from one place to another: what was sent, what arrived, which counters account for the rest. */
export const PacketObservation = z.object({
  kind: z.literal("packets"),
  id: z.string(),
  from: z.string(),
  to: z.string(),
  source: z.string(),
  dest: z.string(),
  /** The source address is not the sender's own. */
  forged: z.boolean(),
  sent: z.number().int(),
  captured: z.number().int(),
  accounts: z.array(Account),
  /** Flow keys by outcome; an outcome without any is left out. */
  outcomes: z.partialRecord(PacketOutcome, z.array(FlowKey)),
  /** Source port of every tcp and udp probe. */
  sport: z.number().int(),
  /** How what is `rejected` was refused. */
  refusals: z.array(Refusal).optional(),
  /** Why an outcome is `unknown`. */
  reason: z.string().optional(),
});
export type PacketObservation = z.infer<typeof PacketObservation>;

/** One flow, sent once more to be watched: what became of it, which lines of the node took it, and its frames. */
export const FlowTrace = z.object({
  /** `wan > 801 tcp/8000`. */
  flow: z.string(),
  outcome: PacketOutcome,
  /** Lines of the node's filter table and counters of the gateway that gained, jumps too, in the order of the table. */
  counters: z.array(
    z.object({ chain: z.string(), rule: z.string(), before: z.number().int(), after: z.number().int() }),
  ),
  /** Names of capture files in the run's folder, one for each device where frames of the flow were seen. */
  frames: z.array(z.string()),
});
export type FlowTrace = z.infer<typeof FlowTrace>;

/** A service's answer: a DNS message, an HTTP response, a TLS handshake, a TCP connection, a page in a browser, a record, ACME; or a trial's. */
export const ServiceObservation = z.object({
  kind: z.enum(["tcp", "dns", "http", "tls", "browser", "path", "record", "acme", "trial"]),
  id: z.string(),
  from: z.string(),
  /** `10.0.0.153:443`, `10.0.0.13:53`, or the record's source. */
  to: z.string(),
  /** What was asked, in one line: `A portainer.internal.thinkheads.ai over udp`. */
  request: z.string(),
  outcome: z.enum(["answered", "silent", "unknown"]),
  /** What came back, in one line: `200 from guest 1001`, `NOERROR 10.0.0.153`, `alert 112`. */
  answer: z.string(),
  /** Fields that a judge reads; flat, so that it prints. */
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
  /** Why it is `unknown`. */
  reason: z.string().optional(),
  /** Names of files in the run's folder, e.g. a screenshot. */
  attachments: z.array(z.string()).optional(),
});
export type ServiceObservation = z.infer<typeof ServiceObservation>;

export const Observation = z.discriminatedUnion("kind", [PacketObservation, ServiceObservation]);
export type Observation = z.infer<typeof Observation>;

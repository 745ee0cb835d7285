import { z } from "zod";

/** One reply of a DNS server to all questions of a batch that were answered alike: a line of JSON in the batch's facts. */
export const DnsReply = z.object({
  /** Ids of the questions. */
  asked: z.array(z.string()).readonly(),
  /** How long each took, in the order of `asked`. */
  micros: z.array(z.number().int()).readonly(),
  outcome: z.enum(["answered", "silent", "unknown"]),
  /** Why there is no answer, or none that can be read. */
  reason: z.string().optional(),
  /** With the upper bits of an OPT record (RFC 6891 section 6.1.3): `BADVERS`. Empty without an answer. */
  rcode: z.string(),
  opcode: z.string(),
  /** Those that are set, of `qr aa tc rd ra z ad cd` (RFC 1035 section 4.1.1, RFC 4035 section 3). */
  flags: z.array(z.string()).readonly(),
  /** The question section: bit for bit the question's, equal but for the case of letters, another, or absent. */
  echo: z.enum(["exact", "case", "other", "none"]),
  /** Bytes after header and question section: 0 where the reply says nothing more. */
  surplusBytes: z.number().int(),
  /** Records as `NAME TTL TYPE VALUE`; of a type that is not decoded the value is that of RFC 3597 section 5. */
  answers: z.array(z.string()).readonly(),
  authority: z.array(z.string()).readonly(),
  /** Without the OPT record. */
  additional: z.array(z.string()).readonly(),
  /** The OPT record: `version 0, size 1232, flags 0000`, and its options as `OPTION:HEX`. */
  edns: z.string().optional(),
});
export type DnsReply = z.infer<typeof DnsReply>;

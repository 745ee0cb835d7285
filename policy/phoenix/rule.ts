import { z } from "zod";
import { arePorts, isIcmp } from "../rule.ts";
import { Flag, Text, Word } from "./field.ts";

const Action = z.enum(["ACCEPT", "DROP", "REJECT"]);

/** Those whose ports Proxmox accepts, by name and number (Proxmox's `$ipt_protocols` with ports). */
const WITH_PORTS = new Set(["tcp", "udp", "sctp", "dccp", "udplite", "6", "17", "132", "33", "136"]);

const PORTS = "ports 1 to 65535, a range first:last in order, or a service name";

/** A rule as the files write it; it becomes one line of a Proxmox rule file. */
export const PhoenixRule = z
  .looseObject({
    type: z.enum(["in", "out"]),
    action: Action,
    enable: Flag.optional(),
    proto: Word.optional(),
    source: Word.optional(),
    dest: Word.optional(),
    port: Word.optional(),
    sport: Word.optional(),
    iface: Word.optional(),
    macro: Word.optional(),
    icmp_type: Word.optional(),
    log: Word.optional(),
    comment: Text.optional(),
  })
  .superRefine((rule, context) => {
    // A macro brings its own protocol.
    const hasPorts = rule.macro || WITH_PORTS.has((rule.proto ?? "").toLowerCase());
    for (const key of ["port", "sport"] as const) {
      if (!rule[key] || context.issues.some(({ path }) => path?.[0] === key)) continue;
      if (!hasPorts) {
        const params = { fault: "port-without-protocol", found: `proto ${rule.proto || "absent"} beside it` };
        context.addIssue({ code: "custom", path: [key], message: "a protocol that has ports", params });
      } else if (!arePorts(rule[key]) && !isIcmp(rule.proto ?? "")) {
        const params = { fault: "rule-invalid" };
        context.addIssue({ code: "custom", path: [key], message: PORTS, params });
      }
    }
  });
export type PhoenixRule = z.infer<typeof PhoenixRule>;

const Policies = { default_input_policy: Action.optional(), default_output_policy: Action.optional() };

export const GuestFirewall = z.looseObject({
  enabled: Flag.optional(),
  ...Policies,
  rules: z.array(PhoenixRule).optional(),
});
export type GuestFirewall = z.infer<typeof GuestFirewall>;

export const HostFirewall = z.looseObject({
  enabled: Flag.optional(),
  ...Policies,
  global_firewall_rules: z.array(PhoenixRule).optional(),
});
export type HostFirewall = z.infer<typeof HostFirewall>;

import { z } from "zod";
import type { Estate, Firewall, Guest, Position, Rule } from "./estate.ts";
import type { Nic, NodeHost } from "./proxmox/node.ts";

const VectorRule = z.strictObject({
  type: z.enum(["in", "out"]),
  action: z.enum(["ACCEPT", "DROP", "REJECT"]),
  proto: z.string().optional(),
  source: z.string().optional(),
  dest: z.string().optional(),
  port: z.string().optional(),
  sport: z.string().optional(),
  comment: z.string().optional(),
});
type VectorRule = z.infer<typeof VectorRule>;

/** A configuration as Phoenix JSON has it, reduced to what a firewall asks. */
export const VectorEstate = z.object({
  host: z.object({
    ip: z.string(),
    firewall: z.object({
      enabled: z.boolean(),
      default_input_policy: z.enum(["ACCEPT", "DROP", "REJECT"]).default("DROP"),
      default_output_policy: z.enum(["ACCEPT", "DROP", "REJECT"]).default("ACCEPT"),
      global_firewall_rules: z.array(VectorRule).default([]),
    }),
  }),
  guests: z.record(
    z.string(),
    z.object({
      ip: z.string(),
      firewall: z.object({ enabled: z.boolean(), rules: z.array(VectorRule).default([]) }).optional(),
    }),
  ),
});
export type VectorEstate = z.infer<typeof VectorEstate>;

/** The estate of one line on a node's hardware; no service of it is known, so that part is empty. */
export function estateOn(
  { host, guests: declared }: VectorEstate,
  hardware: { readonly host: NodeHost; readonly nics: readonly Nic[] },
  id: string,
): Estate {
  const at = placer(`vector ${id}`);
  const guests = Object.entries(declared).map(([guestId, { ip, firewall }]) =>
    guestOfVector(nicOf(hardware.nics, guestId), ip, at, firewall),
  );
  const hostFirewall: Firewall = {
    enabled: host.firewall.enabled,
    policyIn: host.firewall.default_input_policy,
    policyOut: host.firewall.default_output_policy,
    rules: rulesOf(host.firewall.global_firewall_rules, "/host/firewall/global_firewall_rules", at),
    position: at("/host/firewall"),
  };
  return {
    ...WITHOUT_SERVICES,
    folder: `vector ${id}`,
    guests: guests.sort((a, b) => Number(a.id) - Number(b.id)),
    host: {
      name: "host",
      address: host.ip,
      prefixLength: 24,
      subnet: hardware.host.localNetwork,
      gateway: "10.0.0.1",
      bridge: hardware.host.bridge,
      firewall: hostFirewall,
      position: at("/host"),
    },
  };
}

type Placer = (pointer: string) => Position;

function placer(file: string): Placer {
  return (pointer) => ({ file, line: 1, column: 1, pointer });
}

function rulesOf(rules: readonly VectorRule[], pointer: string, at: Placer): readonly Rule[] {
  return rules.map((rule, index) => {
    const given = Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== undefined));
    return {
      ...(given as Omit<Rule, "enabled" | "position">),
      enabled: true,
      position: at(`${pointer}/${index}`),
    };
  });
}

function nicOf(nics: readonly Nic[], guestId: string): Nic {
  const nic = nics.find((each) => each.place === guestId);
  if (!nic) throw new TypeError(`a world without guest ${guestId}`);
  return nic;
}

function guestOfVector(
  { guestId: id, kind, mac, bridge }: Nic,
  address: string,
  at: Placer,
  firewall: { readonly enabled: boolean; readonly rules: readonly VectorRule[] } | undefined,
): Guest {
  const position = at(`/guests/${id}`);
  const guest = { id, kind, mac, name: `guest-${id}`, role: "backend", address, prefixLength: 24 } as const;
  const plain: Guest = { ...guest, bridge, nameservers: [], position };
  if (!firewall) return plain;
  const rules = rulesOf(firewall.rules, `/guests/${id}/firewall/rules`, at);
  const policies = { policyIn: "DROP", policyOut: "ACCEPT" } as const;
  return {
    ...plain,
    firewall: { enabled: firewall.enabled, ...policies, rules, position: at(`/guests/${id}/firewall`) },
  };
}

/** The rest of an estate of which only the firewall is known. */
export const WITHOUT_SERVICES = {
  generation: "older",
  files: [],
  routes: [],
  publicNames: [],
  dns: {
    enabled: false,
    upstreamServers: [],
    externalZone: "",
    internalZone: "",
    external: [],
    internal: [],
    externalInside: [],
  },
  ca: { guestId: "", dnsName: "", port: 0, provisioner: "" },
  notes: [],
  leftOut: [],
} as const;

import { z } from "zod";
import type { Estate, Firewall, Guest, Position, Rule } from "./estate.ts";
import type { Decision, Flow } from "./flow.ts";
import { icmpKind } from "./names.ts";

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

const VectorCase = z.object({
  from: z.string(),
  to: z.string(),
  proto: z.enum(["tcp", "udp", "icmp"]),
  source: z.string(),
  dest: z.string(),
  sport: z.number().optional(),
  dport: z.union([z.number(), z.string()]),
  expect: z.enum(["ACCEPT", "DROP", "REJECT"]),
  reject: z.enum(["tcp-reset", "icmp-port-unreachable", "icmp-host-prohibited"]).optional(),
});
export type VectorCase = z.infer<typeof VectorCase>;

/** One configuration in Phoenix rules with the packets that Proxmox judged: a line of `pve-phoenix.jsonl`. */
export const PhoenixVector = z.object({
  id: z.string(),
  estate: z.object({
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
  }),
  cases: z.array(VectorCase),
});
export type PhoenixVector = z.infer<typeof PhoenixVector>;

/** The vectors' world: `world.json`. A NIC is Proxmox's own line, `virtio=MAC,bridge=vmbr0,firewall=1`. */
export const PhoenixWorld = z.object({
  qemu: z.record(z.string(), z.object({ net0: z.string() })),
  lxc: z.record(z.string(), z.object({ net0: z.string() })),
  host_ip: z.string(),
  localnet: z.string(),
});
export type PhoenixWorld = z.infer<typeof PhoenixWorld>;

/** The estate of one line in its world; no service of it is known, so that part is empty. */
export function estateOfVector({ id, estate }: PhoenixVector, world: PhoenixWorld): Estate {
  const { host } = estate;
  const at = placer(`vector ${id}`);
  const guests = Object.entries(estate.guests).map(([guestId, { ip, firewall }]) =>
    guestOfVector(guestId, ip, nicOf(world, guestId), at, firewall),
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
      subnet: world.localnet,
      gateway: "10.0.0.1",
      bridge: "vmbr0",
      firewall: hostFirewall,
      position: at("/host"),
    },
  };
}

/** The packet of a case; `outside` has no gateway, and a guest is named `ctNNN` or `vmNNN`. */
export function flowOfCase({ from, to, proto, source, dest, sport, dport }: VectorCase): Flow {
  const ends = { from: placeOf(from), to: placeOf(to), proto, source, dest };
  const port = sport === undefined ? {} : { sport };
  if (typeof dport === "number") return { ...ends, ...port, dport };
  const kind = icmpKind(dport, 4);
  if (!kind) throw new TypeError(`a case with the ICMP type ${dport}`);
  return { ...ends, icmpType: kind.type, icmpCode: kind.code ?? 0 };
}

/** Whether the model says what Proxmox said, the kind of reject included. */
export function agrees({ verdict, reject }: Decision, { expect, reject: kind }: VectorCase): boolean {
  return verdict.toUpperCase() === expect && (kind === undefined || kind === reject);
}

function placeOf(name: string): string {
  return name.replace(/^(?:ct|vm)(?=\d)/, "");
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

function nicOf(world: PhoenixWorld, id: string): { kind: Guest["kind"]; mac: string } {
  const line = world.lxc[id]?.net0 ?? world.qemu[id]?.net0 ?? "";
  const mac = /([0-9a-f]{2}:){5}[0-9a-f]{2}/i.exec(line)?.[0];
  if (mac === undefined) throw new TypeError(`a world without guest ${id}`);
  return { kind: id in world.lxc ? "lxc" : "vm", mac: mac.toLowerCase() };
}

function guestOfVector(
  id: string,
  address: string,
  nic: { kind: Guest["kind"]; mac: string },
  at: Placer,
  firewall: { readonly enabled: boolean; readonly rules: readonly VectorRule[] } | undefined,
): Guest {
  const position = at(`/guests/${id}`);
  const guest = { id, ...nic, name: `guest-${id}`, role: "backend", address, prefixLength: 24 } as const;
  const plain: Guest = { ...guest, bridge: "vmbr0", nameservers: [], position };
  if (!firewall) return plain;
  const rules = rulesOf(firewall.rules, `/guests/${id}/firewall/rules`, at);
  const policies = { policyIn: "DROP", policyOut: "ACCEPT" } as const;
  return {
    ...plain,
    firewall: { enabled: firewall.enabled, ...policies, rules, position: at(`/guests/${id}/firewall`) },
  };
}

const WITHOUT_SERVICES = {
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

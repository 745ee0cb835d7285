import { type Estate, type Guest, guestOf } from "./estate.ts";
import { freeAddress, lanAddress } from "./place.ts";

/** `changed`: the same guest, its port, rule, listener and second record otherwise. */
export type Newcomer = "added" | "changed";

const PORT = { added: "8443", changed: "8444" } as const;

/** The first labels of the newcomer's names. */
export const NEWCOMER = "phx-newcomer";

/**
 * The estate with one of everything more: a guest with a rule, internal records with their reverse, a public name, and a
 * route to it by https. No declared entry is touched.
 * @throws HarnessError (`subnet-full`, exit 2)
 */
export function withNewcomer(estate: Estate, newcomer: Newcomer): Estate {
  const { host, dns } = estate;
  const { position } = host;
  const lan = lanAddress(estate);
  const taken = [lan, ...addressesOf(estate)];
  const address = freeAddress(host.subnet, taken) ?? lan;
  const second = freeAddress(host.subnet, [...taken, address]) ?? lan;
  const id = String(Math.max(...estate.guests.map((guest) => Number(guest.id))) + 1);
  const port = PORT[newcomer];
  const external = `${NEWCOMER}.${dns.externalZone}`;
  const internal = `${NEWCOMER}.${dns.internalZone}`;
  const alias = `${NEWCOMER}-alias.${dns.internalZone}`;
  const record = (name: string, of: string) => ({ name, address: of, position });
  const route = { hostname: internal, guestId: id, address, port: Number(port), tls: true, position };
  return {
    ...estate,
    guests: [...estate.guests, guestWith(estate, { id, address, port })],
    routes: [...estate.routes, route],
    publicNames: [...estate.publicNames, { external, internal, position }],
    dns: {
      ...dns,
      external: [...dns.external, record(external, guestOf(estate, "gateway").address)],
      internal: [
        ...dns.internal,
        record(internal, address),
        record(alias, newcomer === "added" ? address : second),
      ],
    },
  };
}

function addressesOf({ host, guests, dns }: Estate): string[] {
  const entries = [...guests, ...dns.external, ...dns.internal, ...dns.externalInside];
  return [host.address, host.gateway, ...entries.map(({ address }) => address)];
}

function guestWith(
  estate: Estate,
  { id, address, port }: { readonly id: string; readonly address: string; readonly port: string },
): Guest {
  const { position, prefixLength, bridge } = estate.host;
  const source = guestOf(estate, "mesh").address;
  const rule = { type: "in", action: "ACCEPT", enabled: true, proto: "tcp", source, dest: address } as const;
  const rules = [{ ...rule, port, position }];
  const octets = [Number(id) >> 16, Number(id) >> 8, Number(id)].map((each) => each & 255);
  const mac = ["52:54:01", ...octets.map((each) => each.toString(16).padStart(2, "0"))].join(":");
  return {
    id,
    address,
    mac,
    bridge,
    prefixLength,
    position,
    kind: "lxc",
    name: NEWCOMER,
    role: "backend",
    nameservers: [],
    firewall: { enabled: true, policyIn: "DROP", policyOut: "ACCEPT", rules, position },
  };
}

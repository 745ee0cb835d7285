import { classesOf } from "../../policy/classes.ts";
import type { Estate } from "../../policy/estate.ts";
import type { Place } from "../../policy/flow.ts";
import type { Family } from "../../policy/ip.ts";
import { places } from "../../policy/place.ts";
import type { PacketProbe } from "../../probes/probe.ts";
import { CLIENT_PORT, expectation } from "../expectation.ts";
import { labAddresses } from "./ends.ts";

/** What Proxmox lets into every guest: a DHCP server's answer (pve-firewall.md section 6), by family. */
const STANDING = { 4: { sport: 67, key: "udp/68" }, 6: { sport: 547, key: "udp/546" } } as const;

/**
 * A packet that may reach a place, from the first that may send it: arrived, it shows the place alive where others did not
 * arrive. Where none may over IPv6, one over IPv4. Undefined where nothing at all is let in.
 */
export function twinOf(estate: Estate, to: Place, family: Family): PacketProbe | undefined {
  const senders = places(estate)
    .map(({ id }) => id)
    .filter((id) => id !== to);
  return (
    firstOf(senders, (from) => ordinaryTwin(estate, from, to, family)) ??
    firstOf(senders, (from) => standingTwin(estate, from, to, family)) ??
    (family === 6 ? twinOf(estate, to, 4) : undefined)
  );
}

function firstOf<T>(senders: readonly Place[], of: (from: Place) => T | undefined): T | undefined {
  for (const from of senders) {
    const found = of(from);
    if (found !== undefined) return found;
  }
  return undefined;
}

function ordinaryTwin(estate: Estate, from: Place, to: Place, family: Family): PacketProbe | undefined {
  const ends = labAddresses(estate, from, to, family);
  if (!ends) return undefined;
  const open = classesOf(estate, from, to, { ...ends, sport: CLIENT_PORT }).find(
    ({ proto, decision }) => (proto === "tcp" || proto === "udp") && decision.verdict === "accept",
  );
  return open && probeOf(family, { from, to, ...ends, sport: CLIENT_PORT }, `${open.proto}/${open.first}`);
}

function standingTwin(estate: Estate, from: Place, to: Place, family: Family): PacketProbe | undefined {
  const ends = labAddresses(estate, from, to, family);
  // From outside the gateway asks nothing of ports, but a server's answer comes from the same network.
  if (!ends || from === "wan") return undefined;
  const { sport, key } = STANDING[family];
  const { verdict } = expectation(estate, from, to, key, ends.source, sport, ends.dest);
  return verdict === "accept" ? probeOf(family, { from, to, ...ends, sport }, key) : undefined;
}

type Sent = Pick<PacketProbe, "from" | "to" | "source" | "dest"> & { readonly sport: number };

function probeOf(family: Family, sent: Sent, key: string): PacketProbe {
  const id = `twin of ${sent.to} over IPv${family}`;
  return { kind: "packets", id, ...sent, forged: false, keys: [key] };
}

import { decide } from "../decide.ts";
import type { Estate, Guest } from "../estate.ts";
import { FILE_NAMES } from "../files.ts";
import { describePosition } from "../position.ts";
import { hasValue, positionIn } from "./declaration.ts";
import type { Found, Proof } from "./proof.ts";
import { closedWay, flowBetween, placeInWords } from "./way.ts";

const TRANSPORTS = ["udp", "tcp"] as const;

/** DNS-004: who is told to ask another server than the host asks it for internal names too. */
export function proveNameServers(estate: Estate): Proof<Found> {
  const told = estate.guests.filter(({ nameservers }) => nameservers.length > 0);
  const silent = estate.guests.filter(({ nameservers }) => nameservers.length === 0);
  return {
    control: "DNS-004",
    statement: "No guest is told to ask any name server but the host's.",
    space: `${told.length} guests that are told whom to ask`,
    violations: told.flatMap((guest) => elsewhere(estate, guest) ?? []),
    notes:
      silent.length > 0 ? [`without a name server, and so asking as the host does: ${listOf(silent)}`] : [],
  };
}

function elsewhere(estate: Estate, guest: Guest): Found | undefined {
  const asked = askedElsewhere(estate, guest);
  if (!asked) return undefined;
  const { servers, ...rest } = asked;
  const message = `${placeInWords(estate, guest.id)} asks ${servers.join(", ")} for internal names, which only the host's name server has`;
  return { message, ...rest };
}

/** Servers that a guest is told to ask and that are not the host's; undefined where there are none. */
export function askedElsewhere(estate: Estate, guest: Guest) {
  const { address } = estate.host;
  const servers = guest.nameservers.filter((server) => server !== address);
  if (servers.length === 0) return undefined;
  const { file, pointer } = guest.position;
  const keys = ["nameservers", "nameserver"].map((key) => `${pointer}/network_config/${key}`);
  const path = keys.find((key) => hasValue(estate, file, key)) ?? `${pointer}/network_config/nameservers`;
  return {
    servers,
    position: positionIn(estate, file, path),
    remedy: `Make it ask ${address} alone.`,
    patch: [{ file, op: "replace", path, value: address }] as const,
  };
}

/** That the host has a name server, and that those reach it, over UDP and TCP, who are told to ask it (RFC 7766). */
export function unreachableServer(estate: Estate): readonly Found[] {
  if (!estate.dns.enabled) return [switchedOff(estate)];
  const clients = clientsOf(estate);
  return TRANSPORTS.flatMap((proto) => {
    const closed = clients.flatMap((guest) => {
      const flow = flowBetween(estate, guest.id, "host", proto, 53);
      const decision = decide(estate, flow);
      return decision.verdict === "accept" ? [] : [{ guest, flow, decision }];
    });
    const causes = Map.groupBy(closed, ({ decision: { decider } }) =>
      "position" in decider ? describePosition(decider.position) : decider.text,
    );
    return [...causes.values()].flatMap((each) => {
      const guests = each.map(({ guest }) => guest);
      const [{ flow } = { flow: undefined }] = each;
      const isAll = guests.length > 1 && guests.length === clients.length;
      return (flow && closedWay(estate, { flow, ...lossOf(estate, proto, guests, isAll) })) ?? [];
    });
  });
}

function clientsOf({ guests, host }: Estate): readonly Guest[] {
  return guests.filter(({ nameservers }) => nameservers.length === 0 || nameservers.includes(host.address));
}

/** More than so many are told by their number, and have the subnet for a source. */
const MOST_LISTED = 16;

function lossOf({ host }: Estate, proto: "udp" | "tcp", guests: readonly Guest[], isAll: boolean) {
  const [only = { id: "", name: "" }] = guests;
  const isWide = isAll || guests.length > MOST_LISTED;
  const askers = isWide ? "Guests and LAN ask" : guests.length > 1 ? "Guests ask" : `${only.name} asks`;
  const transport = proto.toUpperCase();
  const who = guests.length > 1 ? `${guests.length} guests (${listOf(guests)})` : "it";
  return {
    loss: `${who} can't ask the name server over ${transport}`,
    source: isWide ? host.subnet : guests.map(({ address }) => address).join(","),
    comment: `${askers} the host's name server over ${transport}`,
  };
}

function listOf(guests: readonly Guest[]): string {
  const ids = guests.slice(0, MOST_LISTED).map(({ id }) => id);
  return `${ids.join(", ")}${guests.length > ids.length ? ", ..." : ""}`;
}

function switchedOff(estate: Estate): Found {
  const file = FILE_NAMES.host;
  const path = "/dns_server/enabled";
  const isSet = hasValue(estate, file, path);
  const section = hasValue(estate, file, "/dns_server");
  return {
    message: `the name server is off: ${clientsOf(estate).length} guests are told to ask ${estate.host.address}`,
    position: positionIn(estate, file, path),
    remedy: "Switch it on.",
    ...(section && { patch: [{ file, op: isSet ? "replace" : "add", path, value: true }] }),
  };
}

import { type Cidr, contains, parseCidr, rangeOf } from "./address.ts";
import { type ChainPolicy, chainPolicy, type Line, ruleLines, standingLines } from "./chain.ts";
import { type Estate, type Firewall, type Guest, type Policy, type Position, tapOf } from "./estate.ts";
import { NO_DEFINITIONS } from "./proxmox/file.ts";
import type { NicFlags } from "./proxmox/node.ts";
import type { Broadcasts } from "./shared-chains.ts";
import { type StandingAccept, standingAccepts } from "./standing.ts";

/** One chain's lines with its default policy, read once. */
export interface Chain {
  readonly name: string;
  /** Before the guest's MAC filter. */
  readonly first: readonly Line[];
  readonly lines: readonly Line[];
  readonly policy: ChainPolicy;
}

export interface GuestModel {
  readonly guest: Guest;
  /** The NIC hangs on a firewall bridge of its own. */
  readonly flagged: boolean;
  /** Absent: no rule filters this guest. */
  readonly chains?: { readonly in: Chain; readonly out: Chain };
  /** Where the absence of a filter is declared. */
  readonly position: Position;
}

/** An estate's firewall, read once: what `decide` asks for each packet. */
export interface Model {
  readonly estate: Estate;
  readonly enabled: boolean;
  readonly localNetwork: Cidr;
  readonly broadcasts: Broadcasts;
  readonly host: { readonly in: Chain; readonly out: Chain };
  readonly guests: ReadonlyMap<string, GuestModel>;
}

const MODELS = { declared: new WeakMap<Estate, Model>(), all: new WeakMap<Estate, Model>() };

/** The estate's model; made at the first question and kept as long as the estate. */
export function modelOf(estate: Estate, nicFlags: NicFlags = "declared"): Model {
  const known = MODELS[nicFlags].get(estate);
  if (known) return known;
  const model = buildModel(estate, nicFlags);
  MODELS[nicFlags].set(estate, model);
  return model;
}

function buildModel(estate: Estate, nicFlags: NicFlags): Model {
  const { host } = estate;
  const localNetwork = parseCidr(host.subnet);
  if (!localNetwork) throw new TypeError(`an estate with the subnet ${host.subnet}`);
  const chain = (name: string, type: "in" | "out"): Chain =>
    chainOf("host", type, name, host.firewall, localNetwork);
  return {
    estate,
    enabled: host.firewall.enabled,
    localNetwork,
    broadcasts: broadcastsOf(localNetwork),
    host: { in: chain("PVEFW-HOST-IN", "in"), out: chain("PVEFW-HOST-OUT", "out") },
    guests: new Map(
      estate.guests.map((guest) => [guest.id, guestModel(guest, nicFlags, estate, localNetwork)]),
    ),
  };
}

function guestModel(guest: Guest, nicFlags: NicFlags, { host }: Estate, localNetwork: Cidr): GuestModel {
  const { firewall } = guest;
  const position = (host.firewall.enabled ? (firewall ?? guest) : host.firewall).position;
  const flagged = nicFlags === "all" || firewall?.enabled === true;
  if (!firewall?.enabled || !host.firewall.enabled) return { guest, flagged, position };
  const chain = (type: "in" | "out"): Chain =>
    chainOf("guest", type, `${tapOf(guest)}-${type.toUpperCase()}`, firewall, localNetwork);
  return { guest, flagged, position, chains: { in: chain("in"), out: chain("out") } };
}

function chainOf(
  scope: "host" | "guest",
  type: "in" | "out",
  name: string,
  firewall: Firewall,
  localNetwork: Cidr,
): Chain {
  const accepts = standingAccepts(scope, type, localNetwork);
  const standing = (tried: StandingAccept["tried"]): readonly Line[] =>
    standingLines(
      accepts.filter((accept) => accept.tried === tried),
      name,
    );
  const rules = ruleLines(firewall.rules, type, name, { place: scope, dc: NO_DEFINITIONS });
  const policy: Policy = type === "in" ? firewall.policyIn : firewall.policyOut;
  return {
    name,
    first: standing("first"),
    lines: [...standing("before-rules"), ...rules, ...standing("after-rules")],
    policy: chainPolicy(policy, name, firewall.position),
  };
}

/** What the host's routing table calls broadcast: the subnet's last address, loopback's, all ones, and 0.0.0.0. */
function broadcastsOf(subnet: Cidr): Broadcasts {
  return new Set([0, 0x7fffffff, 0xffffffff, ...(subnet.prefixLength < 31 ? [rangeOf(subnet).last] : [])]);
}

/** Whether an address is of the declared subnet. */
export function isLocal(model: Model, ip: number | bigint): boolean {
  return typeof ip === "number" && contains(model.localNetwork, ip);
}

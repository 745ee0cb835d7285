import type { Estate, Position } from "../policy/estate.ts";
import type { Place } from "../policy/flow.ts";
import { parseIp } from "../policy/ip.ts";
import { freeAddress, places, WAN_ADDRESS } from "../policy/place.ts";
import type { Nic, Node } from "../policy/proxmox/node.ts";
import type { FolderDeclaration } from "../policy/read.ts";
import { usage } from "./arguments.ts";

/** Where a packet may start or end, with all words by which a person may name it. */
export interface Vantage {
  readonly id: Place;
  readonly name: string;
  /** Without the id; upper or lower case. An address is told apart by its family. */
  readonly words: readonly string[];
  /** Of both families; a VM's are known from Phoenix files alone. */
  readonly addresses: readonly string[];
  /** The file that declares it. */
  readonly file?: string;
}

/** Beyond the uplink as the vectors have it: its address is nobody's, so it is named by its id alone. */
const OUTSIDE: Vantage = {
  id: "outside",
  name: "beyond the uplink, no gateway between",
  words: [],
  addresses: [WAN_ADDRESS],
};

/** Every place of a declaration. */
export function vantagesOf(declaration: FolderDeclaration): readonly Vantage[] {
  if (declaration.kind === "proxmox") return vantagesOfNode(declaration.node, declaration.names);
  return [...vantagesOfEstate(declaration.estate, declaration.node), OUTSIDE];
}

/** Those that a lab of the estate has too. */
export function vantagesOfEstate(estate: Estate, node: Node): readonly Vantage[] {
  return places(estate).map(({ id, name, address }): Vantage => {
    const nic = node.nics.find(({ place }) => place === id);
    return { id, name, words: wordsOf(nic, [name, address]), addresses: [address] };
  });
}

function vantagesOfNode({ host, nics }: Node, names: ReadonlyMap<string, string>): Vantage[] {
  const taken = [host.address, host.gateway, ...nics.flatMap(({ addresses }) => addresses)];
  const free = freeAddress(host.localNetwork, taken);
  const lan = free === undefined ? [] : [free];
  const wan = { id: "wan", name: "internet user", words: [WAN_ADDRESS], addresses: [WAN_ADDRESS] };
  return [
    ...(host.gateway === undefined ? [] : [wan]),
    { id: "lan", name: "plain device of the LAN", words: lan, addresses: lan },
    { id: "host", name: "the node", words: [host.address], addresses: [host.address] },
    ...nics.map((nic) => ofNic(nic, nics, names.get(nic.guestId))),
    OUTSIDE,
  ];
}

/** The guest's id and name are its first NIC's. */
function ofNic(nic: Nic, nics: readonly Nic[], name: string | undefined): Vantage {
  const { place, guestId, index, addresses, position } = nic;
  const first = nics.find((other) => other.guestId === guestId) === nic;
  const title = name ?? (nic.kind === "lxc" ? "a container" : "a VM");
  return {
    id: place,
    name: index === 0 ? title : `${title}, net${index}`,
    words: wordsOf(nic, [
      ...addresses,
      ...(first ? [guestId] : []),
      ...(first && name !== undefined ? [name] : []),
    ]),
    addresses,
    file: position.file,
  };
}

/** The host's device names a NIC too, and so does `100i0`. */
function wordsOf(nic: Nic | undefined, words: readonly string[]): readonly string[] {
  return nic ? [...words, nic.tap, `${nic.guestId}i${nic.index}`] : words;
}

/** The place of that id, or else of that name or address, upper or lower case. @throws HarnessError (usage) */
export function vantageOf(verb: string, all: readonly Vantage[], flag: string, word: string): Vantage {
  const byId = all.filter(({ id }) => id.toLowerCase() === word.toLowerCase());
  const found = byId.length > 0 ? byId : all.filter(({ words }) => words.some((each) => same(each, word)));
  const [only, other] = found;
  if (other)
    throw usage(verb, `${flag} to name one place`, `${word}: ${found.map(({ id }) => id).join(", ")}`);
  if (only) return only;
  throw usage(
    verb,
    `${flag} to be one of ${all.slice(0, MOST_LISTED).map(describeVantage).join(", ")}${more(all)}`,
    word,
  );
}

const MOST_LISTED = 50;

function more(all: readonly Vantage[]): string {
  return all.length > MOST_LISTED ? ` and ${all.length - MOST_LISTED} more` : "";
}

function same(known: string, word: string): boolean {
  const ip = parseIp(word);
  return ip ? parseIp(known)?.value === ip.value : known.toLowerCase() === word.toLowerCase();
}

/** `101 (web, 10.0.0.5)`. */
export function describeVantage({ id, name, addresses: [address] }: Vantage): string {
  return `${id} (${address === undefined ? name : `${name}, ${address}`})`;
}

/** Notes of these files, or of none in particular, say what is assumed of the places. */
export function concerns(from: Vantage, to: Vantage, { file }: Position): boolean {
  return file === from.file || file === to.file;
}

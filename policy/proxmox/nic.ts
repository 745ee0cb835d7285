import type { Position } from "../estate.ts";
import { parseIp } from "../ip.ts";
import type { IgnoredLine } from "./file.ts";
import { contentLines, ignoredLine } from "./line.ts";
import type { Nic } from "./node.ts";

type Guest = Pick<Nic, "guestId" | "kind">;

/** A guest's interfaces as its hardware configuration has them, by index. */
export interface Nics {
  readonly nics: readonly Nic[];
  /** NICs that are no port of a bridge, or whose line can't be read: none of them is a place. */
  readonly ignored: readonly IgnoredLine[];
}

/**
 * The NICs of `101.conf` (pct.conf(5), qm.conf(5)); `file` is its name in positions. Only what stands above the first
 * `[snapshot]` is the guest as it is; of a key that stands twice the last one counts.
 */
export function parseNics(guest: Guest, text: string, file: string): Nics {
  const found = new Map<number, Nic>();
  const ignored: IgnoredLine[] = [];
  for (const { text: line, number, column } of currentLines(text)) {
    const [, index, value] = /^net(\d{1,2}):[ \t]*([^]*)$/.exec(line) ?? [];
    if (index === undefined || value === undefined) continue;
    const position = { file, line: number, column, pointer: `net${Number(index)}` };
    const isLong = line.length > LONGEST_LINE;
    const nic = isLong ? { reason: TOO_LONG } : parseNic(guest, Number(index), value, position);
    if ("reason" in nic) ignored.push(ignoredLine(line, nic.reason, position));
    else found.set(nic.index, nic);
  }
  return { nics: [...found.values()].sort((a, b) => a.index - b.index), ignored };
}

const LONGEST_LINE = 65_536;
const TOO_LONG = `a line of more than ${LONGEST_LINE} characters`;

/** What kind of guest a configuration without a folder of its own describes: only a container has a root filesystem. */
export function kindOfGuest(text: string): Nic["kind"] {
  const isContainer = currentLines(text).some(
    ({ text: line }) => line.startsWith("rootfs:") || /^net\d+:.*\b(?:name|hwaddr)=/.test(line),
  );
  return isContainer ? "lxc" : "vm";
}

/** What a configuration calls its guest: a container's `hostname`, a VM's `name`. */
export function nameOfGuest(text: string): string | undefined {
  const names = currentLines(text).map(
    ({ text: line }) => /^(?:hostname|name):[ \t]*(\S{1,255})/.exec(line)?.[1],
  );
  return names.findLast((name) => name !== undefined);
}

function currentLines(text: string) {
  const lines = contentLines(text.replaceAll("\r\n", "\n"));
  const snapshot = lines.findIndex(({ text: line }) => line.startsWith("["));
  return snapshot < 0 ? lines : lines.slice(0, snapshot);
}

/**
 * One NIC's value: `virtio=52:54:00:10:00:01,bridge=vmbr0,firewall=1` of a VM, `name=eth0,bridge=vmbr0,hwaddr=…,ip=…` of
 * a container. With a VLAN tag the bridge is the VLAN's own.
 */
export function parseNic(
  { guestId, kind }: Guest,
  index: number,
  value: string,
  position: Position,
): Nic | { readonly reason: string } {
  const fields = new Map(value.split(",").map(keyAndValue));
  const mac = macOf(kind, fields);
  const bridge = fields.get("bridge");
  if (mac === undefined) return { reason: `no MAC address in ${kind === "vm" ? "MODEL=" : "hwaddr="}` };
  if (bridge === undefined || bridge === "") return { reason: "no bridge: its packets pass no firewall" };
  const tag = fields.get("tag");
  return {
    place: index === 0 ? guestId : `${guestId}i${index}`,
    guestId,
    index,
    kind,
    tap: `${kind === "vm" ? "tap" : "veth"}${guestId}i${index}`,
    mac: mac.toLowerCase(),
    bridge: tag === undefined ? bridge : `${bridge}v${tag}`,
    flagged: /^(?:1|on|yes|true)$/i.test(fields.get("firewall") ?? ""),
    addresses: kind === "vm" ? [] : addressesOf(fields),
    position,
  };
}

function keyAndValue(field: string): readonly [string, string] {
  const equals = field.indexOf("=");
  const key = equals < 0 ? field : field.slice(0, equals);
  return [key.trim(), equals < 0 ? "" : field.slice(equals + 1).trim()];
}

/** Of one interface: neither all zero nor a group's. */
const MAC = /^(?!(?:00:?){6}$)[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/i;

function macOf(kind: Nic["kind"], fields: ReadonlyMap<string, string>): string | undefined {
  if (kind === "lxc") return withForm(fields.get("hwaddr"));
  return withForm(fields.get("macaddr")) ?? [...fields.values()].find((value) => MAC.test(value));
}

function withForm(mac: string | undefined): string | undefined {
  return mac !== undefined && MAC.test(mac) ? mac : undefined;
}

/** Of `dhcp`, `auto` and `manual` nobody knows an address beforehand. */
function addressesOf(fields: ReadonlyMap<string, string>): string[] {
  return ["ip", "ip6"].flatMap((key) => {
    const address = fields.get(key)?.split("/")[0] ?? "";
    return parseIp(address) ? [address] : [];
  });
}

import { z } from "zod";
import type { Estate } from "./estate.ts";
import type { Decision, Flow } from "./flow.ts";
import { parseIp } from "./ip.ts";
import { type IcmpKind, icmpKind, protocolNumber } from "./names.ts";
import { type Definitions, emptyFile, type FileKind, type FirewallFile } from "./proxmox/file.ts";
import type { Node } from "./proxmox/node.ts";
import { parseFirewallFile } from "./proxmox/parse.ts";
import { estateOn, VectorEstate } from "./vector-estate.ts";
import type { Hardware } from "./world.ts";

const Address = z.string().refine((text) => parseIp(text) !== undefined, "an address");
const Port = z.int("a port, 0 to 65535").min(0).max(65_535);
const Proto = z
  .union([z.string(), z.int()], "a protocol's name or number")
  .transform(String)
  .refine(
    (text) => protocolNumber(text) !== undefined,
    "tcp, udp, icmp, or another protocol of /etc/protocols",
  );

/** One packet, NEW, and what Proxmox decided. */
export const VectorCase = z.object({
  from: z.string(),
  to: z.string(),
  proto: Proto,
  source: Address.optional(),
  dest: Address.optional(),
  sport: Port.optional(),
  /** Of icmp a type's name or number. */
  dport: z.union([Port, z.string()], "a port, or an ICMP type").optional(),
  expect: z.enum(["ACCEPT", "DROP", "REJECT"]),
  reject: z.enum(["tcp-reset", "icmp-port-unreachable", "icmp-host-prohibited"]).optional(),
});
export type VectorCase = z.infer<typeof VectorCase>;

/** One configuration with the packets that Proxmox judged: a line of a file of vectors. */
export const Vector = z.object({
  id: z.union([z.string(), z.int()], "an id, a string or a whole number").transform(String),
  files: z.record(
    z.string().regex(/^(?:cluster|host|[1-9]\d{2,8})\.fw$/, "cluster.fw, host.fw or a guest's id and .fw"),
    z.string(),
  ),
  /** The same in Phoenix JSON; its guests are those of the Phoenix world. */
  estate: VectorEstate.optional(),
  cases: z.array(VectorCase),
});
export type Vector = z.infer<typeof Vector>;

/** The node of a vector's .fw files. */
export function nodeOfVector({ files }: Pick<Vector, "files">, { host, nics }: Hardware): Node {
  const cluster = fileOf("cluster", "cluster.fw", files["cluster.fw"]);
  const guests = Object.entries(files).flatMap(([name, text]): [string, FirewallFile][] => {
    const id = /^(\d+)\.fw$/.exec(name)?.[1];
    return id === undefined ? [] : [[id, fileOf("guest", name, text, cluster)]];
  });
  return {
    host,
    nics,
    cluster,
    hostFile: fileOf("host", "host.fw", files["host.fw"], cluster),
    guests: new Map(guests),
  };
}

/** An empty file is as good as none. */
function fileOf(kind: FileKind, name: string, text = "", dc?: Definitions): FirewallFile {
  if (text === "") return emptyFile(kind, { file: name, line: 1, column: 1, pointer: "" });
  return parseFirewallFile(kind, name, text, dc);
}

/** The estate of a vector in Phoenix JSON; undefined where it has none. */
export function estateOfVector({ id, estate }: Vector, hardware: Hardware): Estate | undefined {
  return estate && estateOn(estate, hardware, id);
}

const SOURCE = "100.100.1.2";
const DEST = "100.200.3.4";

/** A field of a case that can't be meant. */
export class CaseError extends TypeError {
  readonly key: keyof VectorCase;
  readonly expected: string;
  readonly actual: string;

  constructor(key: keyof VectorCase, expected: string, actual: string) {
    super(`${key}: expected ${expected}, found ${actual}`);
    this.key = key;
    this.expected = expected;
    this.actual = actual;
  }
}

/**
 * The packet of a case, with the defaults of the vectors' README. Throws a CaseError for a place that the hardware does
 * not have, a packet of two families, and an ICMP type that iptables does not know.
 */
export function flowOfCase(each: VectorCase, { host, nics }: Hardware): Flow {
  const ends = { from: placeOf(each, "from", nics), to: placeOf(each, "to", nics) };
  const source = each.source ?? (ends.from === "host" ? host.address : SOURCE);
  const dest = each.dest ?? (ends.to === "host" ? host.address : DEST);
  const family = parseIp(source)?.family;
  if (family === undefined || family !== parseIp(dest)?.family) {
    const key = each.source === undefined ? "dest" : "source";
    throw new CaseError(key, "source and dest of one family", `${source} and ${dest}`);
  }
  const flow = { ...ends, source, dest };
  const proto = protocolOf(each.proto);
  if (proto === "icmp" || proto === 58) return { ...flow, proto, ...icmpOf(each.dport, family) };
  if (typeof each.dport === "string") throw new CaseError("dport", "a port's number", each.dport);
  const ports = { sport: each.sport, dport: each.dport };
  return { ...flow, proto, ...given(ports) };
}

const NAMED = ["tcp", "udp", "icmp"] as const;

function protocolOf(text: string): Flow["proto"] {
  const number = protocolNumber(text) ?? 0;
  return NAMED.find((name) => protocolNumber(name) === number) ?? number;
}

function icmpOf(
  type: VectorCase["dport"] = "echo-request",
  family: 4 | 6,
): Pick<Flow, "icmpType" | "icmpCode"> {
  const number = /^\d{1,3}$/.test(String(type)) ? Number(type) : undefined;
  const kind: IcmpKind | undefined = number === undefined ? icmpKind(String(type), family) : { type: number };
  if (!kind || kind.type > 255) throw new CaseError("dport", "an ICMP type", String(type));
  return { icmpType: kind.type, icmpCode: kind.code ?? 0 };
}

/** `host`, `outside`; `nfvm` is the plain device; else `vmNNN` or `ctNNN`, with `iK` for a NIC other than the first. */
function placeOf(each: VectorCase, key: "from" | "to", nics: Hardware["nics"]): string {
  const name = each[key];
  if (name === "host" || name === "outside") return name;
  if (name === "nfvm") return "lan";
  const found = nics.find((nic) => namesOf(nic).includes(name));
  if (found) return found.place;
  const known = ["host", "outside", "nfvm", ...nics.map((nic) => namesOf(nic)[0])].join(", ");
  throw new CaseError(key, `one of ${known}`, name);
}

function namesOf({ kind, guestId, index }: Hardware["nics"][number]): readonly string[] {
  const guest = `${kind === "vm" ? "vm" : "ct"}${guestId}`;
  return index === 0 ? [guest, `${guest}i0`] : [`${guest}i${index}`];
}

function given<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** Whether this is what Proxmox said, the kind of reject included where the case names one. */
export function agrees(
  { verdict, reject }: Pick<Decision, "verdict" | "reject">,
  { expect, reject: kind }: Pick<VectorCase, "expect" | "reject">,
): boolean {
  return verdict.toUpperCase() === expect && (kind === undefined || kind === reject);
}

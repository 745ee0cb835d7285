import { parseIp } from "../ip.ts";
import type { Corosync } from "./node.ts";

/** A node of the cluster, by its links' addresses or names. */
interface Member {
  readonly name: string;
  /** By link's number. */
  readonly links: ReadonlyMap<string, string>;
}

/** What a cluster's corosync.conf opens on one of its nodes. */
export interface CorosyncReading {
  /** Absent: the file names no such node. */
  readonly corosync?: Corosync;
  /** Links that are given by names, which nothing here resolves. */
  readonly unresolved: readonly string[];
}

/**
 * Reads corosync.conf(5), sections in braces and `key: value` lines, for the node of that name, or else of that address.
 * The transport is knet unless `totem` says otherwise.
 */
export function parseCorosync(text: string, nodeName: string | undefined, address: string): CorosyncReading {
  const { members, transport } = read(text);
  const own =
    members.find(({ name }) => name !== "" && name === nodeName) ??
    members.find(({ links }) => [...links.values()].includes(address));
  if (!own) return { unresolved: [] };
  const others = members.filter((member) => member !== own);
  const all = [...own.links].flatMap(([link, ownAddress]) =>
    others.flatMap(({ links }) => {
      const peer = links.get(link);
      return peer === undefined ? [] : [{ own: ownAddress, peer }];
    }),
  );
  const isNumeric = (each: { own: string; peer: string }) => !!parseIp(each.own) && !!parseIp(each.peer);
  const names = all.filter((each) => !isNumeric(each)).flatMap(({ own: a, peer: b }) => [a, b]);
  return {
    corosync: { multicast: transport === "udp", links: all.filter(isNumeric) },
    unresolved: [...new Set(names.filter((name) => !parseIp(name)))],
  };
}

function read(text: string): { members: readonly Member[]; transport: string } {
  const members: { name: string; links: Map<string, string> }[] = [];
  const sections: string[] = [];
  let transport = "knet";
  for (const line of text.split("\n").map((each) => each.trim())) {
    const opened = /^(\w+)\s*\{$/.exec(line)?.[1];
    if (opened !== undefined) sections.push(opened);
    if (opened === "node") members.push({ name: "", links: new Map() });
    if (line === "}") sections.pop();
    const [, key = "", value = ""] = /^(\w+):\s*(.*)$/.exec(line) ?? [];
    const link = /^ring(\d)_addr$/.exec(key)?.[1];
    const member = sections.at(-1) === "node" ? members.at(-1) : undefined;
    if (member && key === "name") member.name = value;
    if (member && link !== undefined) member.links.set(link, value);
    if (sections.at(-1) === "totem" && key === "transport") transport = value;
  }
  return { members, transport };
}

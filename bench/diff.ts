/**
 * What a difference costs: two estates of 100, 1,000 and 10,000 guests with 10 rules each that differ in 10 lines, each in a
 * process of its own. Model, packet sets, comparison and grouping, in CPU seconds of all threads; estates built in memory, and
 * for the first change also read from files. The same for a guest that is new, gone or moved. Ends with status 1 where 10,000
 * guests take longer than 2 s, reading aside. Of a name that all guests' rules use it prints what 10, 30 and 100 guests take.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { largeEstate, largeTexts } from "../fixtures/estates/large.ts";
import { diffOf, type GovernedSide } from "../policy/diff/diff.ts";
import { groupChanges } from "../policy/diff/group.ts";
import { sideOf } from "../policy/diff/side.ts";
import type { Estate, Firewall, Guest, Rule } from "../policy/estate.ts";
import { loadEstate } from "../policy/load.ts";
import type { Definitions } from "../policy/proxmox/file.ts";
import { nodeOf } from "../policy/proxmox/node.ts";

const SIZES = [100, 1000, 10_000] as const;
const RULES_EACH = 10;
const LINES = 10;
const MOST_SECONDS = 2;

type Edit = (firewall: Firewall, line: number) => Firewall;

/** The first rule of that type, changed. */
function edited(firewall: Firewall, type: Rule["type"], change: Partial<Rule>): Firewall {
  const at = firewall.rules.findIndex((rule) => rule.type === type && rule.proto === "tcp");
  return {
    ...firewall,
    rules: firewall.rules.map((rule, index) => (index === at ? { ...rule, ...change } : rule)),
  };
}

const inbound: Edit = (firewall, line) =>
  edited(firewall, "in", { action: "ACCEPT", port: `${61_000 + line}`, source: "10.0.0.0/16" });
const outbound: Edit = (firewall, line) => edited(firewall, "out", { port: `${62_000 + line}` });

const EDITS: Readonly<Record<string, Edit>> = {
  "10 inbound rules": inbound,
  "10 outbound rules": outbound,
  "5 of each": (firewall, line) => (line % 2 === 0 ? inbound : outbound)(firewall, line),
  "10 rules of all TCP": (firewall) => edited(firewall, "in", { action: "ACCEPT", port: "1:65535" }),
};

type Change = (estate: Estate) => Estate;

/** What every guest's second rule names as its source, and what that is on each side: an alias, a set, a group's line. */
interface Shared {
  readonly base: string;
  readonly head: string;
  readonly isSet?: true;
}

const SHARED: Readonly<Record<string, Shared>> = {
  "an alias that all use": { base: "10.0.0.12", head: "10.0.0.14" },
  "an entry of a set that all use": { base: "10.0.0.12", head: "10.0.0.12 10.0.0.14", isSet: true },
};

/** Each guest's rule for Traefik by a name of the cluster instead of by its address. */
function shared(side: GovernedSide, entries: string, isSet: boolean): GovernedSide {
  const { node } = side;
  const position = { file: "cluster.fw", line: 1, column: 1, pointer: "" };
  const source = isSet ? "+dc/ops" : "dc/ops";
  const guests = new Map(
    [...node.guests].map(([id, file]) => {
      const rules = file.rules.map((rule) =>
        rule.type === "in" && rule.source === "10.0.0.12" ? { ...rule, source } : rule,
      );
      return [id, { ...file, rules }];
    }),
  );
  const named = entries.split(" ").map((address) => ({ address, nomatch: false, position }));
  const definitions: Partial<Definitions> = isSet
    ? { sets: new Map([["ops", { name: "ops", entries: named, position }]]) }
    : { aliases: new Map([["ops", { name: "ops", cidr: entries, family: 4, position }]]) };
  const cluster = { ...node.cluster, ...definitions };
  return { ...side, node: { ...node, cluster, guests } };
}

/** What a change of the estate's guests, and not of their rules, may be. */
const CHANGES: Readonly<Record<string, Change>> = {
  ...Object.fromEntries(
    Object.entries(EDITS).map(([name, edit]) => [name, (estate: Estate) => changed(estate, edit)]),
  ),
  "a guest that is gone": (estate) => ({ ...estate, guests: estate.guests.slice(0, -1) }),
  "a guest that is new": (estate) => {
    const [last] = estate.guests.slice(-1);
    if (!last) return estate;
    const added = { ...last, id: "900000", name: "new", address: "10.0.250.9", mac: "52:54:02:00:00:01" };
    return { ...estate, guests: [...estate.guests, added] };
  },
  "a guest that moved": (estate) => {
    const guests = estate.guests.map((guest, index) =>
      index === estate.guests.length - 1 ? { ...guest, address: "10.0.250.9" } : guest,
    );
    return { ...estate, guests };
  },
};

function changed(estate: Estate, edit: Edit): Estate {
  const every = Math.floor(estate.guests.length / LINES);
  const guests = estate.guests.map((guest, index): Guest => {
    const line = Math.floor(index / every);
    if (index % every !== every - 1 || line >= LINES || !guest.firewall) return guest;
    return { ...guest, firewall: edit(guest.firewall, line) };
  });
  return { ...estate, guests };
}

function sideOfEstate(estate: Estate): GovernedSide {
  const side = sideOf({ kind: "phoenix", folder: estate.folder, estate, node: nodeOf(estate) });
  return { ...side, exceptions: { approvals: [], waivers: [] } };
}

function secondsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

interface Measured {
  readonly reading: number;
  readonly seconds: number;
  readonly mebibytes: number;
  readonly groups: number;
}

function measure(guests: number, name: string, isRead: boolean): Measured {
  const change = CHANGES[name] ?? ((estate: Estate) => estate);
  let [base, head] = [largeEstate(guests, RULES_EACH), change(largeEstate(guests, RULES_EACH))];
  let reading = 0;
  if (isRead) {
    const texts = largeTexts(guests, RULES_EACH);
    reading = secondsOf(() => {
      base = loadEstate("base", texts);
      head = change(loadEstate("head", texts));
    });
  }
  const own = SHARED[name];
  const sides = [base, head]
    .map(sideOfEstate)
    .map((side, index) => (own ? shared(side, index === 0 ? own.base : own.head, own.isSet === true) : side));
  let groups = 0;
  const seconds = secondsOf(() => {
    const [was, is] = sides;
    if (was && is) groups = groupChanges(diffOf(was, is, new Date(0)).packets).length;
  });
  return { reading, seconds, mebibytes: process.resourceUsage().maxRSS / 1024, groups };
}

/** In a process of its own: what one leaves behind is no other's. */
function measured(guests: number, name: string, isRead: boolean): Measured {
  const args = [
    fileURLToPath(import.meta.url),
    "--guests",
    `${guests}`,
    "--edit",
    name,
    ...(isRead ? ["--read"] : []),
  ];
  const { stdout, status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${name} of ${guests} guests: ${stderr}`);
  return JSON.parse(stdout) as Measured;
}

/** Where every guest's own rules decide otherwise, each is compared for itself: of more it takes minutes. */
const SHARED_SIZES = [10, 30, 100] as const;
const MOST_SHARED_SECONDS = 10;

/** Whether the bound holds. */
function row(name: string, isRead: boolean): boolean {
  const isShared = name in SHARED;
  const sizes = isShared ? SHARED_SIZES : SIZES;
  const most = isShared ? MOST_SHARED_SECONDS : MOST_SECONDS;
  const rows = sizes.map((guests) => ({ guests, ...measured(guests, name, isRead) }));
  for (const { guests, reading, seconds, mebibytes, groups } of rows) {
    const read = isRead ? `reading ${reading.toFixed(2)} s, ` : "";
    const size = guests.toLocaleString("en");
    console.log(
      `${name}, ${size} guests: ${read}${seconds.toFixed(2)} s, ${mebibytes.toFixed(0)} MiB, ${groups} groups`,
    );
  }
  const [middle, last] = rows.slice(-2);
  if (!middle || !last) return false;
  const growth = (Math.log(last.seconds / middle.seconds) / Math.log(last.guests / middle.guests)).toFixed(2);
  const holds = last.seconds <= most;
  console.log(
    `  from ${middle.guests.toLocaleString("en")} to ${last.guests.toLocaleString("en")} guests it grows as n^${growth}; ${holds ? "within" : "BEYOND"} ${most} s`,
  );
  return holds;
}

const { values } = parseArgs({
  options: { guests: { type: "string" }, edit: { type: "string" }, read: { type: "boolean" } },
});
const { edit } = values;
if (edit !== undefined)
  process.stdout.write(JSON.stringify(measure(Number(values.guests), edit, values.read === true)));
else {
  const held = [
    ...[...Object.keys(CHANGES), ...Object.keys(SHARED)].map((name) => row(name, false)),
    row("10 inbound rules", true),
  ];
  if (held.includes(false)) process.exitCode = 1;
}

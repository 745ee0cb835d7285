import { existsSync, readFileSync, statSync } from "node:fs";
import { type Lab, outside } from "../lab/lab.ts";
import { execute } from "../lab/process.ts";
import type { NameServer, ProbeContext } from "./context.ts";
import type { ServiceObservation } from "./observation.ts";
import type { RecordProbe } from "./probe.ts";

interface Zone {
  readonly view: string;
  readonly name: string;
  readonly file: string;
}

/**
 * The whole content of the zones that name servers serve, as BIND itself reads their files (`named-checkconf -p`,
 * `named-checkzone -D`), and whether it is what they have loaded: a file that changed after the server's log says that it
 * was loaded is `stale`. So a record is seen under a name that nobody knows to ask for. Facts: `zones`, lines
 * `PLACE/VIEW ZONE SERIAL`, the serial that was loaded; `records`, lines `PLACE/VIEW NAME TTL TYPE VALUE`; `stale`, lines `PLACE/VIEW SENTENCE`, or
 * `PLACE/ SENTENCE` of the configuration, which every view has.
 */
export async function zoneContents(
  { lab, nameServers }: ProbeContext,
  { id, from }: RecordProbe,
): Promise<ServiceObservation> {
  const to = nameServers.map(({ config }) => config).join(", ");
  const common = { kind: "record", id, from, to, request: "the zones of the name servers" } as const;
  try {
    const servers = await Promise.all(nameServers.map((server) => contentOf(lab, server)));
    const all = <K extends keyof Content>(key: K) => servers.flatMap((each) => each[key]);
    const facts = { zones: all("zones"), records: all("records"), stale: all("stale") };
    const answer = `${facts.records.length} records in ${facts.zones.length} zones`;
    return { ...common, outcome: "answered", answer, facts };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...common, outcome: "unknown", answer: "not read", reason, facts: {} };
  }
}

interface Content {
  readonly zones: string[];
  readonly records: string[];
  readonly stale: string[];
}

async function contentOf(lab: Lab, { place, config, folder, log }: NameServer): Promise<Content> {
  const zones = zonesOf(await said(lab, place, ["named-checkconf", "-p", config]));
  const path = (file: string) => (file.startsWith("/") ? file : `${folder}/${file}`);
  const loads = loadsIn(existsSync(outside(lab, log)) ? readFileSync(outside(lab, log), "utf8") : "");
  const each = await Promise.all(
    zones.map(async ({ view, name, file }) => {
      const loaded = loads.zones.get(`${name}/IN/${view}`);
      const dump = await said(lab, place, [
        "named-checkzone",
        "-q",
        "-i",
        "none",
        "-D",
        "-o",
        "-",
        name,
        path(file),
      ]);
      return {
        zone: `${place}/${view} ${name} ${loaded?.serial ?? "not-loaded"}`,
        records: recordsIn(dump).map((record) => `${place}/${view} ${record}`),
        stale: staleness(lab, `${place}/${view}`, path(file), loaded?.at),
      };
    }),
  );
  return {
    zones: each.map(({ zone }) => zone),
    records: each.flatMap(({ records }) => records),
    stale: [...staleness(lab, `${place}/`, config, loads.configured), ...each.flatMap(({ stale }) => stale)],
  };
}

/** What a program says; fails with its words where it ends otherwise than well. */
async function said(lab: Lab, place: string, argv: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await execute(lab, place, argv);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${(stderr || stdout).trim().slice(0, 300)}`);
  return stdout;
}

/** A file's last change of any kind (ctime, which no program sets) against the server's last reading of it. */
function staleness(lab: Lab, view: string, path: string, loadedAt: number | undefined): string[] {
  if (loadedAt === undefined) return [`${view} ${path} was never loaded`];
  const { ctimeMs } = statSync(outside(lab, path));
  return Math.floor(ctimeMs) > loadedAt ? [`${view} ${path} was changed after the server loaded it`] : [];
}

/** `view "internal" {`, `zone "a.test" {`, `file "a.zone";` of the printed configuration, each on a line of its own. */
function zonesOf(config: string): Zone[] {
  const zones: Zone[] = [];
  let view = "_default";
  let name = "";
  for (const line of config.split("\n")) {
    const [, word, value = ""] = /^\s*(view|zone|file) "([^"]*)"/.exec(line) ?? [];
    if (word === "view") view = value;
    if (word === "zone") name = value.replace(/\.$/, "");
    if (word === "file" && name) zones.push({ view, name, file: value });
    if (/^\s*};/.test(line)) name = "";
  }
  return zones;
}

interface Loads {
  readonly zones: ReadonlyMap<string, { readonly serial: string; readonly at: number }>;
  readonly configured: number | undefined;
}

/** `23-Nov-2026 20:56:12.218 zone a.test/IN/internal: loaded serial 7`, local time: the last of each zone counts. */
function loadsIn(log: string): Loads {
  const zones = new Map<string, { serial: string; at: number }>();
  let configured: number | undefined;
  for (const line of log.split("\n")) {
    const [, day, month, year, time, text = ""] = /^(\d\d)-(\w{3})-(\d{4}) ([\d:.]+) (.*)$/.exec(line) ?? [];
    if (!day) continue;
    const at = Date.parse(`${day} ${month} ${year} ${time}`);
    const [, zone, serial = ""] = /^zone (\S+): loaded serial (\d+)/.exec(text) ?? [];
    if (zone) zones.set(zone, { serial, at });
    if (text.startsWith("loading configuration from")) configured = at;
  }
  return { zones, configured };
}

/** `a.test.  300 IN A 10.0.0.1`, with absolute names and one record a line. */
function recordsIn(dump: string): string[] {
  return dump.split("\n").flatMap((line) => {
    const [, name = "", ttl, type, value = ""] = /^(\S+)\s+(\d+)\s+IN\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return type ? [`${withoutDot(name)} ${ttl} ${type} ${value.split(" ").map(withoutDot).join(" ")}`] : [];
  });
}

function withoutDot(name: string): string {
  return name.length > 1 && name.endsWith(".") ? name.slice(0, -1) : name;
}

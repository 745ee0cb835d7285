import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type Lab, outside } from "./lab.ts";
import { within } from "./namespace.ts";
import { execute, run } from "./process.ts";

/** Makes named network namespaces, ip-netns(8). */
export async function createNamespaces(lab: Lab, names: readonly string[]): Promise<void> {
  await run(lab, undefined, ["ip", "-batch", "-"], names.map((name) => `netns add ${name}\n`).join(""));
}

export async function removeNamespaces(lab: Lab, names: readonly string[]): Promise<void> {
  await execute(
    lab,
    undefined,
    ["ip", "-force", "-batch", "-"],
    names.map((name) => `netns del ${name}\n`).join(""),
  );
}

export function namespaceExists(lab: Lab, name: string): boolean {
  return existsSync(outside(lab, `/run/netns/${name}`));
}

/** Writes settings below /proc/sys; paths as in `net/ipv4/ip_forward`. Synchronous: /proc/sys/net follows the thread. */
export function writeSysctls(lab: Lab, namespace: string, settings: Readonly<Record<string, string>>): void {
  within(lab, namespace, () => {
    for (const [path, value] of Object.entries(settings)) writeFileSync(`/proc/sys/${path}`, value);
  });
}

/** The first setting that is not as given, `path = value`; undefined where all are. */
export function differingSysctl(
  lab: Lab,
  namespace: string,
  settings: Readonly<Record<string, string>>,
): string | undefined {
  return within(lab, namespace, () => {
    for (const [path, value] of Object.entries(settings)) {
      const now = readFileSync(`/proc/sys/${path}`, "utf8").trim();
      if (now !== value) return `${path} = ${now}`;
    }
    return undefined;
  });
}

export interface Batch {
  readonly namespace: string;
  readonly tool: "ip" | "bridge";
  readonly lines: readonly string[];
}

/** Runs batches in order, in one process of the lab; `force` goes on past lines that fail. */
export async function runBatches(lab: Lab, batches: readonly Batch[], force = false): Promise<void> {
  const flags = force ? "-force" : "";
  const script = merged(batches)
    .map(
      ({ namespace, tool, lines }) =>
        `${tool} -n ${namespace} ${flags} -batch - <<'END'\n${lines.join("\n")}\nEND\n`,
    )
    .join("");
  if (batches.length > 0)
    await (force ? execute(lab, undefined, ["sh"], script) : run(lab, undefined, ["sh", "-e"], script));
}

/** Batches of one tool in one namespace become one, at the place of the first: a process less for each. */
function merged(batches: readonly Batch[]): Batch[] {
  const groups = Map.groupBy(batches, ({ namespace, tool }) => `${tool} ${namespace}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first ? [{ ...first, lines: group.flatMap(({ lines }) => lines) }] : [];
  });
}

/** Names of a namespace's interfaces. */
export function interfaces(lab: Lab, namespace: string): Set<string> {
  const lines = within(lab, namespace, () => readFileSync("/proc/thread-self/net/dev", "utf8")).split("\n");
  return new Set(lines.slice(2).map((line) => line.split(":")[0]?.trim() ?? ""));
}

/**
 * `address:port` of every listening TCP socket of a namespace, proc_net_tcp(5). One on every IPv6 address takes IPv4 too, as
 * Go's do where a server names none: `0.0.0.0:port`.
 */
export function tcpListeners(lab: Lab, namespace: string): Set<string> {
  const read = (family: "tcp" | "tcp6") =>
    existsSync(`/proc/thread-self/net/${family}`)
      ? readFileSync(`/proc/thread-self/net/${family}`, "utf8").split("\n").slice(1)
      : [];
  const [own, six] = within(lab, namespace, () => [read("tcp"), read("tcp6")] as const);
  const LISTEN = "0A";
  const listening = (lines: readonly string[]) =>
    lines
      .map((line) => line.trim().split(/\s+/))
      .filter((row) => row[3] === LISTEN)
      .map((row) => row[1] ?? "");
  const everywhere = listening(six).filter((place) => /^0{32}:/.test(place));
  return new Set([...listening(own), ...everywhere.map((place) => place.slice(24))].map(decode));
}

/** `0D00000A:0035` -> `10.0.0.13:53`: the address in the machine's byte order. */
function decode(hex: string): string {
  const [address = "", port = ""] = hex.split(":");
  const octets = (address.match(/../g) ?? []).reverse().map((octet) => Number.parseInt(octet, 16));
  return `${octets.join(".")}:${Number.parseInt(port, 16)}`;
}

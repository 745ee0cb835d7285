import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/* Tables of proc_pid_net(5) with the fields of a row that tell who listens where, and the row's inode. */
const TABLES = [
  { name: "tcp", inode: 9, listens: (row: readonly string[]) => row[3] === "0A" },
  { name: "tcp6", inode: 9, listens: (row: readonly string[]) => row[3] === "0A" },
  { name: "udp", inode: 9, listens: (row: readonly string[]) => row[3] === "07" },
  { name: "udp6", inode: 9, listens: (row: readonly string[]) => row[3] === "07" },
  { name: "raw", inode: 9, listens: () => true },
  { name: "raw6", inode: 9, listens: () => true },
  { name: "packet", inode: 8, listens: () => true },
] as const;

/**
 * Sockets of the root namespace that wait for traffic and belong to phx: held by this process, by a descendant, or by a
 * process of another PID namespace (a lab's). `tcp 0100007F:1F90 held by 812 node`, addresses as the kernel prints them.
 */
export function rootSockets(): string[] {
  const waiting = TABLES.flatMap(({ name, inode, listens }) =>
    rowsOf(name)
      .filter(listens)
      .map((row) => ({ inode: row[inode] ?? "", what: `${name} ${name === "packet" ? row[2] : row[1]}` })),
  );
  if (waiting.length === 0) return [];
  const holders = holdersOf(ours());
  return waiting.flatMap(({ inode, what }) => {
    const holder = holders.get(inode);
    return holder === undefined ? [] : [`${what} held by ${holder}`];
  });
}

function rowsOf(table: string): string[][] {
  const text = quietly(() => readFileSync(`/proc/thread-self/net/${table}`, "utf8")) ?? "";
  return text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
}

interface Process {
  readonly pid: string;
  readonly parent: string;
  readonly command: string;
}

/** This process, its descendants, and whoever lives in another PID namespace. */
function ours(): Process[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap(processOf);
  const home = readlinkSync("/proc/self/ns/pid");
  const family = new Set([String(process.pid)]);
  // A child's number is mostly above its parent's; the second round finds the rest.
  for (let round = 0; round < 2; round++)
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  return all.filter(
    ({ pid }) => family.has(pid) || (quietly(() => readlinkSync(`/proc/${pid}/ns/pid`)) ?? home) !== home,
  );
}

/** `PID (command) state parent ...`, proc_pid_stat(5). */
function processOf(pid: string): Process[] {
  const stat = quietly(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  if (stat === undefined) return [];
  const end = stat.lastIndexOf(")");
  return [
    { pid, parent: stat.slice(end + 2).split(" ")[1] ?? "", command: stat.slice(stat.indexOf("(") + 1, end) },
  ];
}

/** Socket inodes by who holds them. */
function holdersOf(processes: readonly Process[]): Map<string, string> {
  const holders = new Map<string, string>();
  for (const { pid, command } of processes) {
    for (const fd of quietly(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
      const target = quietly(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? "";
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined) holders.set(inode, `${pid} ${command}`);
    }
  }
  return holders;
}

/** A process may end while it is looked at. */
function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { HarnessError } from "../errors.ts";
import { type Lab, outside } from "./lab.ts";
import { awaitReady, BOUND } from "./waits.ts";

/** What a command of the lab left: as execa, a failure has the shape of a success. */
export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Arguments that put a command into the lab; `--pid` always, or the process would survive the lab. */
export function enter(lab: Lab, namespace: string): string[] {
  const net = `--net=/proc/${lab.initPid}/root/run/netns/${namespace}`;
  return ["nsenter", "-t", String(lab.initPid), "--mount", "--pid", net, "--"];
}

/** The same for what needs no network of the lab (making namespaces): init's own, empty one. */
function enterInit(lab: Lab): string[] {
  return ["nsenter", "-t", String(lab.initPid), "--mount", "--pid", "--net", "--"];
}

/** Runs a command in a namespace of the lab (`undefined`: init's own) and waits for its end. */
export function execute(
  lab: Lab,
  namespace: string | undefined,
  argv: readonly string[],
  stdin = "",
): Promise<Finished> {
  const [file, ...args] = [
    ...(namespace === undefined ? enterInit(lab) : enter(lab, namespace)),
    ...argv,
  ] as [string, ...string[]];
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(file, args, {
      stdio: ["pipe", "pipe", "pipe"],
      timeout: BOUND.commandMs,
      killSignal: "SIGKILL",
    });
    // Node gives no streams where no file could be opened for them: its error tells.
    if (!isPiped(child)) return void child.once("error", reject);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.stdin.on("error", () => {});
    child.on("error", (error) => err.push(Buffer.from(error.message)));
    child.on("close", (code) =>
      resolve({
        exitCode: code ?? -1,
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
      }),
    );
    child.stdin.end(stdin);
  });
}

function isPiped(child: ChildProcess): child is ChildProcessWithoutNullStreams {
  return Boolean(child.stdin && child.stdout && child.stderr);
}

/** As `execute`, where anything but exit 0 is a fault: `lab-command` with the command's last words, its cause a `Finished`. */
export async function run(
  lab: Lab,
  namespace: string | undefined,
  argv: readonly string[],
  stdin = "",
): Promise<string> {
  const finished = await execute(lab, namespace, argv, stdin);
  if (finished.exitCode === 0) return finished.stdout;
  const detail = {
    subject: `${argv.join(" ")} in ${namespace ?? "init"}`,
    expected: "exit 0",
    actual: `exit ${finished.exitCode}: ${finished.stderr.trim().split("\n").slice(-5).join(" | ") || "no message"}`,
  };
  throw new HarnessError("lab-command", detail, { cause: finished });
}

/** A server of the lab: its PID as the lab counts, and when it started (clock ticks, proc(5) field 22). */
export interface Daemon {
  readonly pid: number;
  readonly startTicks: number;
}

/**
 * Starts a server that belongs to the lab alone: its parent is the lab's init. Output goes to `log`, a path of the lab.
 * `resolvConf`, a path of the lab, becomes its /etc/resolv.conf in a mount view of its own.
 */
export async function startDaemon(
  lab: Lab,
  namespace: string,
  argv: readonly string[],
  { log, resolvConf = "", cwd = "/" }: { log: string; resolvConf?: string | undefined; cwd?: string },
): Promise<Daemon> {
  const said = await run(lab, namespace, ["sh", "-c", DAEMON_SCRIPT, "sh", log, resolvConf, cwd, ...argv]);
  const pid = Number(said.trim());
  return { pid, startTicks: stateOf(lab, pid)?.startTicks ?? 0 };
}

/* The view is made before the server forks, so that its PID is the server's own. */
const DAEMON_SCRIPT = `
log=$1 resolv=$2; cd "$3"; shift 3
if [ -n "$resolv" ]; then
  target=$(readlink -m /etc/resolv.conf); case $target in /run/*) mkdir -p "$(dirname "$target")"; [ -e "$target" ] || : >"$target" ;; esac
  [ -e "$target" ] || { echo "no /etc/resolv.conf to mount a view over" >&2; exit 1; }
  set -- unshare --mount --propagation private sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' sh "$resolv" "$target" "$@"
fi
setsid "$@" </dev/null >>"$log" 2>&1 &
echo $!
`;

/** Whether that very process still runs. */
export function isRunning(lab: Lab, daemon: Daemon): boolean {
  return stateOf(lab, daemon.pid)?.startTicks === daemon.startTicks;
}

/** Signals a server of the lab by its PID there. */
export async function signal(
  lab: Lab,
  daemon: Daemon,
  name: "TERM" | "KILL" | "HUP" | "STOP" | "CONT",
): Promise<void> {
  await kill(lab, name, daemon.pid);
}

/**
 * Ends a server with all its children, which are of its process group: an nginx that is killed alone leaves its worker,
 * and that one the listening sockets. Throws `not-ready`.
 */
export async function endDaemon(lab: Lab, daemon: Daemon): Promise<void> {
  const left = () => processes(lab).filter((pid) => stateOf(lab, pid)?.group === daemon.pid);
  await kill(lab, "KILL", -daemon.pid);
  const gone = () => left().length === 0 || undefined;
  await awaitReady(
    `process group ${daemon.pid}`,
    "its end",
    gone,
    BOUND.commandMs,
    () => `${left().join(", ")}`,
  );
}

/** The shell's own kill(1): Debian's program is of a package that need not be there. A target below 0 is a group. */
async function kill(lab: Lab, name: string, target: number): Promise<void> {
  await execute(lab, undefined, ["sh", "-c", 'kill -s "$1" -- "$2"', "sh", name, String(target)]);
}

function processes(lab: Lab): number[] {
  return readdirSync(outside(lab, "/proc")).map(Number).filter(Number.isInteger);
}

/** proc_pid_stat(5), from after the name; a zombie counts as gone. */
function stateOf(lab: Lab, pid: number): { group: number; startTicks: number } | undefined {
  try {
    const text = readFileSync(outside(lab, `/proc/${pid}/stat`), "utf8");
    const [state, _parent, group, ...others] = text.split(") ").at(-1)?.split(" ") ?? [];
    return state === "Z" ? undefined : { group: Number(group), startTicks: Number(others[16]) };
  } catch {
    return undefined;
  }
}

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { HarnessError } from "../errors.ts";
import { type Lab, outside } from "./lab.ts";
import { BOUND } from "./waits.ts";

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
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: ["pipe", "pipe", "pipe"],
      timeout: BOUND.commandMs,
      killSignal: "SIGKILL",
    });
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

/** As `execute`, where anything but exit 0 is a fault: `lab-command` with the command's last words. */
export async function run(
  lab: Lab,
  namespace: string | undefined,
  argv: readonly string[],
  stdin = "",
): Promise<string> {
  const finished = await execute(lab, namespace, argv, stdin);
  if (finished.exitCode === 0) return finished.stdout;
  throw new HarnessError("lab-command", {
    subject: `${argv.join(" ")} in ${namespace ?? "init"}`,
    expected: "exit 0",
    actual: `exit ${finished.exitCode}: ${finished.stderr.trim().split("\n").slice(-5).join(" | ") || "no message"}`,
  });
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
  return { pid, startTicks: startTicksOf(lab, pid) ?? 0 };
}

/* The view is made before the server forks, so that its PID is the server's own. */
const DAEMON_SCRIPT = `
log=$1 resolv=$2; cd "$3"; shift 3
if [ -n "$resolv" ]; then
  target=$(readlink -m /etc/resolv.conf); mkdir -p "$(dirname "$target")"; [ -e "$target" ] || : >"$target"
  set -- unshare --mount --propagation private sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' sh "$resolv" "$target" "$@"
fi
setsid "$@" </dev/null >>"$log" 2>&1 &
echo $!
`;

/** Whether that very process still runs. */
export function isRunning(lab: Lab, daemon: Daemon): boolean {
  return startTicksOf(lab, daemon.pid) === daemon.startTicks;
}

/** Signals a server of the lab by its PID there. */
export async function signal(
  lab: Lab,
  daemon: Daemon,
  name: "TERM" | "KILL" | "HUP" | "STOP" | "CONT",
): Promise<void> {
  await execute(lab, undefined, ["kill", `-${name}`, String(daemon.pid)]);
}

/** The state of a process that is a zombie counts as gone. */
function startTicksOf(lab: Lab, pid: number): number | undefined {
  const path = outside(lab, `/proc/${pid}/stat`);
  if (!existsSync(path)) return undefined;
  try {
    const fields = readFileSync(path, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return fields[0] === "Z" ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { HarnessError } from "../errors.ts";
import { type Package, missingPackages } from "./debian.ts";
import { makeFolder } from "./folder.ts";
import { withLock } from "./lock.ts";
import { storeFolder } from "./store.ts";

const LOCK_WAIT_SECONDS = 300;
const APT_LOCK = "/var/lib/dpkg/lock-frontend";

/**
 * Debian's maintainer scripts start and enable services by these tools only. Inside a mount namespace of apt's own they
 * are /bin/true, so no service starts; the namespace goes with apt, so nothing is left to undo.
 */
const SERVICE_TOOLS = [
  "/usr/sbin/invoke-rc.d",
  "/usr/sbin/update-rc.d",
  "/usr/bin/deb-systemd-invoke",
  "/usr/bin/deb-systemd-helper",
];
const MUTED =
  'for tool in $TOOLS; do [ ! -e "$tool" ] || mount --bind /bin/true "$tool" || exit 70; done; exec "$@"';

const ENVIRONMENT = {
  DEBIAN_FRONTEND: "noninteractive",
  NEEDRESTART_SUSPEND: "1",
  LC_ALL: "C.UTF-8",
  TOOLS: SERVICE_TOOLS.join(" "),
};

/** New packages only: nothing is removed for them, and a configuration that is there stays as it is. */
const OPTIONS = [
  "--yes",
  "--quiet",
  "--no-install-recommends",
  "--no-remove",
  "-o",
  `DPkg::Lock::Timeout=${LOCK_WAIT_SECONDS}`,
  "-o",
  "Dpkg::Use-Pty=0",
  "-o",
  "Dpkg::Options::=--force-confold",
];

/** Where apt's output goes; overwritten by the next install. */
function aptLog(): string {
  return join(dirname(storeFolder()), "apt.log");
}

/**
 * Installs those of the packages that are absent, without starting a service of theirs. The lists are fetched only when
 * the first try fails. Throws `package-install` with apt's last lines.
 */
export async function installPackages(
  packages: readonly Package[],
  say: (line: string) => void,
): Promise<void> {
  await withLock(join(dirname(storeFolder()), "apt.lock"), say, async () => {
    const names = (await missingPackages(packages)).map(({ name }) => name);
    if (names.length === 0) return;
    tellHolder(say);
    if ((await apt(["install", ...OPTIONS, ...names])) === 0) return;
    say("fetching Debian's package lists");
    await apt(["update", "--quiet", "-o", `DPkg::Lock::Timeout=${LOCK_WAIT_SECONDS}`]);
    const status = await apt(["install", ...OPTIONS, ...names]);
    if (status !== 0) throw notInstalled(names, status);
  });
}

/**
 * In a session of its own and writing to a file: a dpkg that is killed half-way leaves a broken package database, so apt
 * ends by itself even if phx is killed.
 */
async function apt(args: readonly string[]): Promise<number> {
  makeFolder(dirname(aptLog()));
  const log = openSync(aptLog(), "w");
  try {
    const namespace = ["--mount", "--propagation", "private", "sh", "-c", MUTED, "sh"];
    const child = spawn("/usr/bin/unshare", [...namespace, "apt-get", ...args], {
      detached: true,
      env: { ...process.env, ...ENVIRONMENT },
      stdio: ["ignore", log, log],
    });
    const [status] = (await once(child, "close")) as unknown[];
    return Number(status ?? 128);
  } finally {
    closeSync(log);
  }
}

function tellHolder(say: (line: string) => void): void {
  const inode = statSync(APT_LOCK, { throwIfNoEntry: false })?.ino;
  const holder = inode && lockHolder(readFileSync("/proc/locks", "utf8"), inode);
  if (holder) say(`process ${holder} holds Debian's package lock: waiting up to ${LOCK_WAIT_SECONDS} s`);
}

/** The process that holds a lock on the file of that inode, from the text of /proc/locks (proc_locks(5)). */
export function lockHolder(locks: string, inode: number): string | undefined {
  const fields = locks.split("\n").map((line) => line.trim().split(/\s+/));
  return fields.find(([, , , , , file]) => file?.split(":")[2] === String(inode))?.[4];
}

function notInstalled(names: readonly string[], status: number): HarnessError {
  const lines = readFileSync(aptLog(), "utf8").trim().split("\n").slice(-5).join(" / ");
  return new HarnessError("package-install", {
    subject: `Debian packages ${names.join(", ")}`,
    expected: "apt-get install to end with status 0",
    actual: `status ${status}: ${lines}`,
    remedy: `Read ${aptLog()}, install them by hand, then run 'phx setup' again.`,
  });
}

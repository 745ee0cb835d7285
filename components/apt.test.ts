import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { lockHolder } from "./apt.ts";
import { command } from "./command.ts";
import { installedVersions, missingPackages } from "./debian.ts";

const folder = mkdtempSync(join(tmpdir(), "phx-apt-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const needsRoot = { skip: process.getuid?.() !== 0 && "only root can make a mount namespace" };

test("an absent package is missing, with its reason; an installed one has a version", async () => {
  const absent = { name: "phx-no-such-package", reason: "a test" };
  assert.deepEqual(await missingPackages([{ name: "dpkg", reason: "" }, absent]), [absent]);
  assert.match((await installedVersions([{ name: "dpkg", reason: "" }])).get("dpkg") ?? "", /^1\./);
});

test("the process that holds Debian's lock is read from /proc/locks", () => {
  const locks =
    "1: FLOCK  ADVISORY  WRITE 40 fe:00:77 0 EOF\n2: POSIX  ADVISORY  WRITE 812 fe:00:1234 0 EOF\n";
  assert.equal(lockHolder(locks, 1234), "812");
  assert.equal(lockHolder(locks, 1235), undefined);
});

/** A package whose scripts enable its service, start it, and thereby open a port, add a link, a rule and a firewall rule. */
const SCRIPTS = {
  "DEBIAN/control":
    "Package: phx-probe\nVersion: 1.0\nArchitecture: all\nMaintainer: phx\nDescription: probe\n",
  "DEBIAN/postinst": "#!/bin/sh\nset -e\nupdate-rc.d phx-probe defaults\ninvoke-rc.d phx-probe start\n",
  "etc/init.d/phx-probe": `#!/bin/sh
### BEGIN INIT INFO
# Provides: phx-probe
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
[ "$1" = start ] || exit 0
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 1, LocalPort => 8999) or die; fork and exit; sleep' \
  </dev/null >/dev/null 2>&1
ip link add phxprobe0 type bridge
ip rule add table 99
iptables-legacy -A INPUT -j ACCEPT
`,
};

/** Listeners, links, rules, firewall and what starts at boot, as text. */
const SNAPSHOT = `
for table in tcp tcp6 udp udp6; do tail -n +2 /proc/net/$table | while read -r _ at _ state _; do echo "$table $at $state"; done; done
ip -oneline link; ip rule; iptables-legacy-save | grep -v '^#'; ls /etc/rc*.d`;

/**
 * A machine that is up (runlevel 2) and forbids no service, in namespaces and over a copy-on-write view of / that are all gone at the end:
 * the package never reaches the machine itself.
 */
const VIEW = `set -e
mount -t tmpfs tmpfs "$FOLDER/view"; cd "$FOLDER/view"; mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
cd root; mount -t proc proc proc; mount --rbind /dev dev
for shared in "$REPO" "$NODE" "$FOLDER"; do mkdir -p "./$shared"; mount --bind "$shared" "./$shared"; done
rm -f usr/sbin/policy-rc.d sbin/runlevel; printf '#!/bin/sh\\necho N 2\\n' >sbin/runlevel; chmod +x sbin/runlevel
exec chroot . sh -c "$INSIDE"`;

async function inView(install: string): Promise<{ before: string; after: string }> {
  const inside = `(${SNAPSHOT}); echo =====; { ${install}; } >&2; dpkg-query --status phx-probe >&2; echo =====; (${SNAPSHOT})`;
  const namespaces = ["--net", "--pid", "--fork", "--kill-child", "--mount", "--propagation", "private"];
  const result = await command("unshare", [...namespaces, "sh", "-c", VIEW], {
    env: {
      FOLDER: folder,
      REPO: dirname(import.meta.dirname),
      NODE: dirname(process.execPath),
      INSIDE: inside,
      XDG_CACHE_HOME: join(folder, "cache"),
      DEBIAN_FRONTEND: "noninteractive",
    },
  });
  const [before = "", said = "", after = ""] = result.stdout.split("=====\n");
  assert.ok(result.status === 0 && result.stderr.includes("ok installed"), `${result.stderr} ${said}`);
  return { before, after };
}

const PACKAGE = join(folder, "phx-probe.deb");
const OURS = `${process.execPath} --input-type=module -e 'import { installPackages } from "${join(import.meta.dirname, "apt.ts")}";
await installPackages([{ name: "${PACKAGE}", reason: "a test" }], console.error)'`;

before(async () => {
  for (const [name, text] of Object.entries(SCRIPTS)) {
    const file = join(folder, "package", name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o755 });
  }
  mkdirSync(join(folder, "view"));
  const built = await command("dpkg-deb", ["--build", join(folder, "package"), PACKAGE]);
  assert.equal(built.status, 0, built.stderr);
});

test("a package is installed and its service neither starts nor is enabled", needsRoot, async () => {
  const { before, after } = await inView(OURS);
  assert.ok(before.includes("lo:"));
  assert.equal(after, before);
});

test("the same package, installed plainly, starts: the test above can fail", needsRoot, async () => {
  const { before, after } = await inView(`apt-get install --yes ${PACKAGE}`);
  for (const trace of [":2327 0A", "phxprobe0", "lookup 99", "-A INPUT -j ACCEPT", "S01phx-probe"]) {
    assert.ok(after.includes(trace) && !before.includes(trace), `${trace} in ${after}`);
  }
});

import { RUN } from "../layout.ts";
import type { Resource } from "../resource.ts";

const PATH = `${RUN}/bin/jail.sh`;

/** What runs a server on files that phx did not write. */
export const JAIL: Resource & { kind: "file" } = {
  kind: "file",
  key: `file ${PATH}`,
  path: PATH,
  content: script(),
};

/** How a line of the jail's own begins, where it could not be made: no word of the server. */
export const JAIL_WORDS = /(?:^|\| )(?:jail|mount|chroot|setpriv|env): /;

/**
 * A command that runs a program with `root` as its whole file system: of the machine it sees the system's libraries and
 * programs, read-only, and nothing else; nothing of its own is executable, its environment is empty, and its capabilities
 * are those of a web server. `folders` are made in it first.
 */
export function jailed(
  root: string,
  resolvConf: string,
  folders: readonly string[],
  program: string,
  args: readonly string[],
): string[] {
  const made = folders.map((folder) => `.${folder}`);
  const apart = ["unshare", "--mount", "--propagation", "private"];
  return [...apart, "sh", PATH, root, resolvConf, program, ...made, "--", ...args];
}

/* Its last word is the server's: from `exec` on a message is no longer the jail's own. Debian's /lib is a link to /usr/lib. */
function script(): string {
  return `set -e
trap 'echo "jail: it could not be made" >&2' EXIT
root=$1 resolv=$2 program=$3; shift 3
mkdir -p "$root"
mount --bind "$root" "$root"
mount -o remount,bind,nosuid,nodev,noexec "$root"
cd "$root"
mkdir -p dev etc/ssl/certs run tmp usr/local/bin var/log var/lib
while [ "$1" != -- ]; do mkdir -p "$1"; shift; done
shift
for each in usr/bin usr/sbin usr/lib usr/lib32 usr/lib64 usr/share/nginx; do
  [ -d "/$each" ] || continue
  mkdir -p "$each"; mount --bind "/$each" "$each"; mount -o remount,bind,ro,nosuid "$each"
done
for each in bin sbin lib lib32 lib64; do [ ! -d "usr/$each" ] || ln -sfn "usr/$each" "$each"; done
for each in null zero random urandom; do : >"dev/$each"; mount --bind "/dev/$each" "dev/$each"; done
: >dev/stdout; : >dev/stderr
cat >etc/passwd <<'END'
root:x:0:0::/:/usr/sbin/nologin
www-data:x:33:33::/:/usr/sbin/nologin
nginx:x:101:101::/:/usr/sbin/nologin
traefik:x:102:102::/:/usr/sbin/nologin
step:x:103:103::/:/usr/sbin/nologin
nobody:x:65534:65534::/:/usr/sbin/nologin
END
cat >etc/group <<'END'
root:x:0:
adm:x:4:
www-data:x:33:
nginx:x:101:
traefik:x:102:
step:x:103:
nogroup:x:65534:
END
echo 'hosts: files dns' >etc/nsswitch.conf
echo '127.0.0.1 localhost' >etc/hosts
cat "$resolv" >etc/resolv.conf
name=usr/local/bin/$(basename "$program")
: >"$name"; mount --bind "$program" "$name"; mount -o remount,bind,ro,nosuid "$name"
trap - EXIT
exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin HOME=/ chroot "$root" setpriv --no-new-privs --inh-caps=-all \\
  --bounding-set=-all,+chown,+dac_override,+kill,+net_bind_service,+setgid,+setuid "/$name" "$@"
`;
}

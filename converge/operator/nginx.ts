import { type Estate, guestOf } from "../../policy/estate.ts";
import { allDirectives, type Directive, parseNginx } from "../../policy/operator/nginx.ts";
import { filesOf, type OperatorFile } from "../../policy/operator/operator.ts";
import { folderOf } from "../layout.ts";
import type { Resource } from "../resource.ts";
import { jailed } from "./jail.ts";
import type { Mapped } from "./mapping.ts";
import { fileIn, folderAbove, type Held, heldIn } from "./place.ts";

const CONF = "/etc/nginx";
/** Where the whole system's trusted roots are: on a Phoenix guest Step-CA's root is one of them. */
export const SYSTEM_ROOTS = "/etc/ssl/certs/ca-certificates.crt";

/** Directives that name a key or a certificate, and what the lab has for it. */
const KEY_FILES: Readonly<Record<string, Held>> = {
  ssl_certificate: "the throwaway public CA's certificate for the public names",
  ssl_certificate_key: "the key of that certificate",
  ssl_trusted_certificate: "the throwaway public CA's root",
  ssl_client_certificate: "the root of the lab's Step-CA",
  proxy_ssl_trusted_certificate: "the root of the lab's Step-CA",
  proxy_ssl_certificate: "the throwaway public CA's certificate for the public names",
  proxy_ssl_certificate_key: "the key of that certificate",
};
/** Directives that name a file or a folder that Nginx makes: the folder above it has to be there. */
const WRITTEN =
  /^(?:access_log|error_log|pid|lock_file|(?:client_body|proxy|fastcgi|uwsgi|scgi)_temp_path|proxy_cache_path)$/;
const FOLDERS = [
  "/var/log/nginx",
  "/var/lib/nginx",
  "/var/www/html",
  `${CONF}/conf.d`,
  `${CONF}/modules-enabled`,
];
const FOLDERS_OF_SITES = [`${CONF}/sites-available`, `${CONF}/sites-enabled`];

/** Debian's nginx.conf without what only a full machine has. */
const SKELETON = `user www-data;
worker_processes 1;
pid /run/nginx.pid;
include /etc/nginx/modules-enabled/*.conf;
events { worker_connections 768; }
http {
  sendfile on;
  tcp_nopush on;
  types_hash_max_size 2048;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_prefer_server_ciphers on;
  access_log /var/log/nginx/access.log;
  error_log /var/log/nginx/error.log;
  include /etc/nginx/conf.d/*.conf;
  include /etc/nginx/sites-enabled/*;
}
`;
/** The group of RFC 7919 appendix A.1, as openssl-genpkey(1) writes it: no secret. */
const FFDHE2048 = `-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
`;

/** Nginx on the operator's files: what the lab holds of it, how it is started, what was mapped. */
export function operatorNginx(estate: Estate) {
  const root = nginxRoot(estate);
  const { files, mapped } = placed(estate);
  const every = files.flatMap(({ path, text }) => allDirectives(parseNginx(path, text)));
  const keys = keyFiles(root, every);
  const copies = packaged(root, files, every);
  const folders = [...new Set(every.flatMap(written))].map(folderAbove);
  const resolvConf = `${folderOf(guestOf(estate, "gateway").id)}/resolv.conf`;
  const resources: Resource[] = [
    ...files.map(({ path, text }) => fileIn(root, path, text)),
    ...keys.resources,
    ...copies,
    heldIn(root, SYSTEM_ROOTS, "the root of the lab's Step-CA"),
  ];
  const all = [...new Set([...FOLDERS, ...FOLDERS_OF_SITES, ...folders])];
  const argv = jailed(root, resolvConf, all, "/usr/sbin/nginx", ["-g", "daemon off;"]);
  return {
    resources,
    argv,
    mapped: [...mapped, ...keys.mapped, ...copies.map(copyMapped), ROOTS_MAPPED, DAEMON],
  };
}

const ROOTS_MAPPED: Mapped = {
  server: "nginx",
  what: SYSTEM_ROOTS,
  becomes: "the root of the lab's Step-CA, and no other",
  why: "a guest's trust store holds that root; the lab has no public CA but its own",
};
const DAEMON: Mapped = {
  server: "nginx",
  what: "nginx",
  becomes: "nginx -g 'daemon off;', with /etc/nginx as the checkout has it and no other file of this machine",
  why: "as Debian's unit starts it; what it reads and writes stays within the lab",
};

export function nginxRoot(estate: Estate): string {
  return `${folderOf(guestOf(estate, "gateway").id)}/root`;
}

/** A file as Nginx opens it: the operator's own, of `name`, or one that phx adds. */
interface Placed extends Pick<OperatorFile, "path" | "text"> {
  readonly name?: string;
}

/** Each file at its place; links as what they name; all of sites-available where nothing is enabled. */
function placed(estate: Estate): { readonly files: readonly Placed[]; readonly mapped: readonly Mapped[] } {
  const own = filesOf(estate, "nginx");
  const mapped: Mapped[] = [];
  const add = (what: string, becomes: string, why: string) =>
    mapped.push({ server: "nginx", what, becomes, why });
  const files: Placed[] = [...own];
  for (const { path, target } of estate.operator?.links ?? []) {
    const found = own.find((file) => file.path === target);
    if (found) files.push({ ...found, path });
    add(
      path,
      found ? target : "",
      found ? "a link of the checkout" : `a link to ${target}, which the checkout does not carry`,
    );
  }
  const isEnabled = files.some(({ path }) => path.startsWith(`${CONF}/sites-enabled/`));
  for (const site of own.filter(({ path }) => !isEnabled && path.startsWith(`${CONF}/sites-available/`))) {
    files.push({ ...site, path: site.path.replace("sites-available", "sites-enabled") });
    add(
      site.name,
      site.path.replace("sites-available", "sites-enabled"),
      "nothing is enabled in the checkout: every site of it is",
    );
  }
  if (!own.some(({ path }) => path === `${CONF}/nginx.conf`)) {
    files.push({ path: `${CONF}/nginx.conf`, text: SKELETON });
    add(`${CONF}/nginx.conf`, "Debian's, in short", "the checkout carries none");
  }
  return { files, mapped };
}

function keyFiles(root: string, directives: readonly Directive[]) {
  const resources = new Map<string, Resource>();
  const mapped: Mapped[] = [];
  const set = (path: string, becomes: string, resource: Resource, directive: string) => {
    if (resources.has(path)) return;
    resources.set(path, resource);
    mapped.push({
      server: "nginx",
      what: path,
      becomes,
      why: `${directive}: the lab has keys and certificates of its own`,
    });
  };
  for (const { name, words } of directives) {
    const [word] = words;
    const held = Object.hasOwn(KEY_FILES, name) ? KEY_FILES[name] : undefined;
    if (!word || word.text.includes("$") || word.text.startsWith("data:")) continue;
    const path = absolute(word.text);
    if (path === undefined || path === SYSTEM_ROOTS) continue;
    if (held) set(path, held, heldIn(root, path, held), name);
    if (name === "ssl_dhparam")
      set(path, "the group ffdhe2048 of RFC 7919", fileIn(root, path, FFDHE2048), name);
    if (name === "auth_basic_user_file")
      set(path, "an empty file: nobody can log in", fileIn(root, path, "\n"), name);
  }
  return { resources: [...resources.values()], mapped };
}

/** A path as Nginx opens it; undefined where it leaves the jail's folders by `..` or is a system's. */
function absolute(word: string): string | undefined {
  const path = word.startsWith("/") ? word : `${CONF}/${word}`;
  const isOdd =
    path.split("/").includes("..") ||
    /\s/.test(path) ||
    /^\/(?:dev|proc|sys|usr|bin|sbin|lib\w*)(?:\/|$)/.test(path);
  return isOdd ? undefined : path;
}

function written({ name, words }: Directive): string[] {
  const [first] = words;
  if (!WRITTEN.test(name) || !first?.text.startsWith("/")) return [];
  const path = absolute(first.text);
  return path === undefined ? [] : [path];
}

/** Files of Debian's package that the operator's include without carrying them. */
function packaged(root: string, files: readonly Placed[], directives: readonly Directive[]) {
  const wanted = directives.flatMap(({ name, words: [word] }) =>
    name === "include" && word ? [word.text] : [],
  );
  const paths = new Set(wanted.map((path) => (path.startsWith("/") ? path : `${CONF}/${path}`)));
  return [...paths]
    .filter((path) => PACKAGED.test(path) && !files.some((file) => file.path === path))
    .map((path) => ({ kind: "copy" as const, key: `copy ${root}${path}`, from: path, to: `${root}${path}` }));
}

const PACKAGED = /^\/etc\/nginx\/(?:mime\.types|(?:fastcgi|proxy|scgi|uwsgi)_params|fastcgi\.conf)$/;

function copyMapped({ from }: { readonly from: string }): Mapped {
  return {
    server: "nginx",
    what: from,
    becomes: "that of Debian's package",
    why: "the checkout carries none",
  };
}

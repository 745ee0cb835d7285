import { isSecretKey, REDACTED } from "../secret.ts";
import type { Server } from "./operator.ts";

/** A text without its secrets, and how many there were. */
export interface Redacted {
  readonly text: string;
  readonly secrets: number;
}

/** The blocks of RFC 7468 that hold something private; their lines stay, so that positions do. */
const PRIVATE_BLOCK = /(-----BEGIN [A-Z ]*PRIVATE KEY-----)([\s\S]*?)(-----END|$)/g;
/** crypt(3) and htpasswd: `$apr1$`, `$2y$`, `$6$`, and `{SHA}`. */
const PASSWORD_HASH = /\$(?:apr1|2[abxy]|1|5|6|y)\$[^\s"',]+|\{S?SHA\}[A-Za-z0-9+/=]+/g;
/** `scheme://user:password@`. */
const URL_PASSWORD = /(:\/\/[^\s/:@"']+:)([^\s/@"']+)(?=@)/g;
/** `key: value` of YAML and JSON. A key starts where no word goes on, so that a text is read through once. */
const PAIR =
  /(?<![\w.-])(["']?)([\w.-]+)\1(\s*:[ \t]*\n?[ \t]*)("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s"'{[#|>&*,}-][^\n#,}]*)/g;
/** A header or a variable of Nginx with its value. */
const SET =
  /(?<![\w$-])((?:proxy_set_header|add_header|set|fastcgi_param|uwsgi_param|grpc_set_header)\s+\$?)([\w-]+)(\s+)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s;]+)/g;
/** A directive that is a secret by its name: `secure_link_secret`. */
const DIRECTIVE = /(?<![\w$-])([a-z_]+_(?:secret|password))(\s+)([^\s;]+)/g;
/** The lines below a key of YAML that are its value: a block scalar, or a list. */
const BLOCK = /^([ \t]*)(?:- )?(["']?)([\w.-]+)\2[ \t]*:[ \t]*(?:[|>][+-]?\d?)?[ \t]*$/;
const CREDENTIAL_HEADERS = /^(?:proxy-)?authorization$|^cookie$|^set-cookie$/i;
/** Keys with a secret's word whose value says what kind it is, or where it lies. */
const NO_SECRET =
  /^(?:keyType|keyFile|key_type|kty|kid|alg|use|crv|x|y|n|e|stapling|passHostHeader|passTLSClientCert)$/;
/** Private members of a JWK (RFC 7518 section 6), and what a provisioner wraps one in. */
const PRIVATE_MEMBER = /^(?:encryptedKey|hmacEncoded|d|p|q|dp|dq|qi|k)$/;

/**
 * The text as everything after the reading has it: passwords, tokens, private keys, hashes of passwords and credentials in
 * headers and addresses replaced. A path or an object under such a key stays: it says where a secret lies, and is none.
 */
export function redact(server: Server, raw: string): Redacted {
  let secrets = 0;
  const hide = () => {
    secrets++;
    return REDACTED;
  };
  const hidden = (value: string, quoted = "") => {
    const quote = /^["']/.exec(value)?.[0] ?? quoted;
    return `${quote}${hide()}${quote}`;
  };
  const common = raw
    .replace(PRIVATE_BLOCK, (_all, begin: string, body: string, end: string) => {
      const lines = "\n".repeat(body.split("\n").length - 1);
      return `${begin}${hide()}${lines}${end}`;
    })
    .replace(PASSWORD_HASH, hide)
    .replace(URL_PASSWORD, (_all, before: string) => `${before}${hide()}`);
  if (server === "nginx") {
    const text = common
      .replace(SET, (all, before: string, name: string, blank: string, value: string) =>
        isCredential(name) && !isPlace(value) ? `${before}${name}${blank}${hidden(value)}` : all,
      )
      .replace(DIRECTIVE, (all, name: string, blank: string, value: string) =>
        isPlace(value) ? all : `${name}${blank}${hidden(value)}`,
      );
    return { text, secrets };
  }
  const paired = common.replace(PAIR, (all, quote: string, key: string, colon: string, value: string) =>
    isSecretPair(key, value) ? `${quote}${key}${quote}${colon}${hidden(value, '"')}` : all,
  );
  const text = server === "traefik" ? withoutBlocks(paired, hide) : paired;
  return { text, secrets };
}

/** The scalars of a block or a list below a secret key replaced, line by line. */
function withoutBlocks(text: string, hide: () => string): string {
  let indent: number | undefined;
  const lines = text.split("\n").map((line) => {
    const own = line.length - line.trimStart().length;
    if (indent !== undefined && line.trim() !== "" && own <= indent && !line.trimStart().startsWith("- "))
      indent = undefined;
    if (indent !== undefined && line.trim() !== "") {
      const [item = ""] = /^[ \t]*(?:- )?/.exec(line) ?? [];
      return `${item}"${hide()}"`;
    }
    const [, before = "", , key = ""] = BLOCK.exec(line) ?? [];
    if (key !== "" && !NO_SECRET.test(key) && !NO_BLOCK.test(key) && isCredential(key))
      indent = before.length;
    return line;
  });
  return lines.join("\n");
}

/** Objects of Traefik under a key with a secret's word. */
const NO_BLOCK = /^(?:tls|passTLSClientCert|digestAuth|basicAuth|forwardAuth)$/;

function isCredential(name: string): boolean {
  return isSecretKey(name) || CREDENTIAL_HEADERS.test(name);
}

function isSecretPair(key: string, value: string): boolean {
  if (value.includes(REDACTED) || isPlace(value) || /^(?:true|false|null|\d+)$/.test(value)) return false;
  if (PRIVATE_MEMBER.test(key)) return true;
  return !NO_SECRET.test(key) && isCredential(key);
}

/** A path, or a variable that a template or Nginx fills in. */
function isPlace(value: string): boolean {
  return /^["']?(?:\/|\$)/.test(value) && !/^["']?\$(?:apr1|2[abxy]|\d)\$/.test(value);
}

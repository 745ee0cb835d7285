import type { Position } from "../estate.ts";
import { type Directive, parseNginx } from "./nginx.ts";
import { filesOf, type OperatorEstate, type OperatorFile } from "./operator.ts";
import { isStatic, type Leaf, leavesOf, under } from "./traefik.ts";

/** Something that the operator's own files say, and a control forbids: seen in the text, whatever a probe sees. */
export interface OperatorMistake {
  readonly control: string;
  readonly position: Position;
  readonly message: string;
  readonly remedy: string;
}

/** What people get wrong in these files, each with its line. */
export function operatorMistakes(estate: OperatorEstate): OperatorMistake[] {
  const traefik = filesOf(estate, "traefik").map((file) => ({ file, leaves: leavesOf(file.text) }));
  return [
    ...unverified(filesOf(estate, "nginx")),
    ...traefik
      .filter(({ file }) => isStatic(file))
      .flatMap(({ file, leaves }) => startMistakes(file, leaves)),
    ...traefik.flatMap(({ file, leaves }) => skippedVerification(file, leaves)),
  ];
}

function at(
  { name }: OperatorFile,
  { line, column }: { line: number; column: number },
  pointer = "",
): Position {
  return { file: name, line, column, pointer };
}

/** A `proxy_pass` by https where neither its block, nor one around it, nor a file included there has `proxy_ssl_verify on`. */
function unverified(files: readonly OperatorFile[]): OperatorMistake[] {
  const parsed = files.map((file) => ({ file, directives: parseNginx(file.name, file.text) }));
  const included = (word: string, depth: number): readonly Directive[] => {
    const path = word.startsWith("/") ? word : `/etc/nginx/${word}`;
    const found = depth > 0 ? parsed.find(({ file }) => file.path === path) : undefined;
    return found ? found.directives.flatMap((each) => [each, ...expanded(each, depth)]) : [];
  };
  const expanded = ({ name, words: [word] }: Directive, depth: number): readonly Directive[] =>
    name === "include" && word ? included(word.text, depth - 1) : [];
  const verifies = (block: readonly Directive[]) =>
    block
      .flatMap((each) => [each, ...expanded(each, DEEPEST_INCLUDE)])
      .some(({ name, words: [word] }) => name === "proxy_ssl_verify" && word?.text === "on");
  // Files that nginx.conf includes into `http` count for every other.
  const everywhere = parsed.some(({ file, directives }) =>
    /^\/etc\/nginx\/(?:conf\.d\/|sites-)/.test(file.path)
      ? verifies(directives)
      : directives.some(({ name, children }) => name === "http" && verifies(children ?? [])),
  );
  if (everywhere) return [];
  return parsed.flatMap(({ file, directives }) => {
    if (file.path.startsWith("/etc/nginx/snippets/")) return [];
    return passes(directives, verifies).map((pass) => ({
      control: "PKI-006",
      position: at(file, pass),
      message: `proxy_pass ${pass.words[0]?.text ?? ""} without proxy_ssl_verify on: Nginx takes any certificate`,
      remedy: "Set proxy_ssl_verify on, with proxy_ssl_trusted_certificate and proxy_ssl_name.",
    }));
  });
}

const DEEPEST_INCLUDE = 8;

/** The https `proxy_pass`es of blocks that do not verify. */
function passes(
  block: readonly Directive[],
  verifies: (block: readonly Directive[]) => boolean,
): Directive[] {
  if (verifies(block)) return [];
  return block.flatMap((each) => [
    ...(each.name === "proxy_pass" && each.words[0]?.text.startsWith("https:") ? [each] : []),
    ...passes(each.children ?? [], verifies),
  ]);
}

/** Challenges other than TLS-ALPN-01, and an API that is open beyond loopback. */
function startMistakes(file: OperatorFile, leaves: readonly Leaf[]): OperatorMistake[] {
  const challenges = ["httpChallenge", "dnsChallenge"].flatMap((challenge) =>
    under(leaves, "certificatesResolvers", "*", "acme", challenge).slice(0, 1),
  );
  const insecure = under(leaves, "api", "insecure").find(({ value }) => value === "true");
  const address = under(leaves, "entryPoints", "traefik", "address")[0];
  const isOpen = insecure && !/^(?:127\.|localhost:|\[::1\])/.test(address?.value ?? "");
  return [
    ...challenges.map((leaf): OperatorMistake => {
      const [, resolver = "", , challenge = ""] = leaf.keys;
      return {
        control: "PKI-001",
        position: at(file, leaf, pointerOf(leaf.keys)),
        message: `certificatesResolvers.${resolver} asks for ${challenge}, where Step-CA is to validate by TLS-ALPN-01 alone`,
        remedy: "Give the resolver tlsChallenge: {} in its place.",
      };
    }),
    ...(isOpen
      ? [
          {
            control: "RTE-005",
            position: at(file, address ?? insecure, pointerOf((address ?? insecure).keys)),
            message: `api.insecure at ${address?.value ?? ":8080"}: whoever reaches the guest reads the API`,
            remedy: "Bind the entry point traefik to 127.0.0.1, or leave api.insecure out.",
          },
        ]
      : []),
  ];
}

function skippedVerification(file: OperatorFile, leaves: readonly Leaf[]): OperatorMistake[] {
  return leaves
    .filter(({ keys, value }) => keys.at(-1)?.toLowerCase() === "insecureskipverify" && value === "true")
    .map((leaf) => ({
      control: "PKI-006",
      position: at(file, leaf, pointerOf(leaf.keys)),
      message: `${leaf.keys.slice(-2).join(".")}: Traefik takes any certificate of its backends`,
      remedy: "Name the root in rootCAs and the certificate's name in serverName.",
    }));
}

function pointerOf(keys: readonly string[]): string {
  return keys.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

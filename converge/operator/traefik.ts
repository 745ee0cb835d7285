import { isMap, isScalar, parseDocument } from "yaml";
import { type Estate, guestOf } from "../../policy/estate.ts";
import { filesOf, type OperatorFile } from "../../policy/operator/operator.ts";
import {
  isStatic,
  type Leaf,
  leavesOf,
  meshStatic,
  runtimeOf,
  type MeshStatic,
  staticFile,
  under,
} from "../../policy/operator/traefik.ts";
import { folderOf, TRAEFIK_API_PORT } from "../layout.ts";
import { dynamicConfig, staticConfig } from "../mesh.ts";
import type { Resource } from "../resource.ts";
import { jailed } from "./jail.ts";
import type { Mapped } from "./mapping.ts";
import { SYSTEM_ROOTS } from "./nginx.ts";
import { fileIn, folderAbove, heldIn } from "./place.ts";

const CONF = "/etc/traefik";
const DYNAMIC = `${CONF}/dynamic`;

/** Traefik on the operator's files: what the lab holds of it, how it is started, what was mapped. */
export function operatorTraefik(estate: Estate) {
  const root = traefikRoot(estate);
  const mapped: Mapped[] = [...COMMON];
  const add = (what: string, becomes: string, why: string) =>
    mapped.push({ server: "traefik", what, becomes, why });
  const own = filesOf(estate, "traefik");
  const start = staticOf(estate, add);
  const runtime = meshStatic(start.text);
  const files = [start, ...own.filter((file) => !isStatic(file)), ...routesOf(estate, own, runtime, add)];
  const leaves = files.flatMap(({ text }) => leavesOf(text));
  const roots = trusted(leaves);
  for (const path of roots)
    add(path, "the root of the lab's Step-CA", "the lab has keys and certificates of its own");
  for (const path of pairs(leaves))
    add(path, "", "a certificate that is not Step-CA's by ACME: the lab has none like it");
  const resources: Resource[] = [
    ...files.map(({ path, text }) => fileIn(root, path, text)),
    ...[...new Set([...roots, SYSTEM_ROOTS])].map((path) =>
      heldIn(root, path, "the root of the lab's Step-CA"),
    ),
  ];
  const folders = [
    CONF,
    ...(runtime.dynamic?.kind === "directory" ? [runtime.dynamic.path] : []),
    ...written(leaves).map(folderAbove),
  ];
  const made = [...new Set(folders)].filter((path) => path.startsWith("/") && isOwn(path));
  const resolvConf = `${folderOf(guestOf(estate, "mesh").id)}/resolv.conf`;
  const argv = jailed(root, resolvConf, made, "{traefik}", [`--configFile=${start.path}`]);
  return { resources, argv, mapped, apiPort: runtime.apiPort };
}

const COMMON: readonly Mapped[] = [
  {
    server: "traefik",
    what: SYSTEM_ROOTS,
    becomes: "the root of the lab's Step-CA, and no other",
    why: "a guest's trust store holds that root; the lab has no public CA but its own",
  },
  {
    server: "traefik",
    what: "traefik",
    becomes:
      "traefik with /etc/traefik as the checkout has it, no environment and no other file of this machine",
    why: "what it reads and writes stays within the lab",
  },
];

export function traefikRoot(estate: Estate): string {
  return `${folderOf(guestOf(estate, "mesh").id)}/root`;
}

/** Port of Traefik's API on its loopback, as the lab starts it. */
export function apiPortOf(estate: Estate): number {
  return runtimeOf(estate).apiPort;
}

/** Where Traefik keeps its certificates. */
export function acmeStoreOf(estate: Estate): string {
  const own = staticFile(estate);
  const storage = own ? meshStatic(own.text).resolvers[0]?.storage : undefined;
  if (!own)
    return filesOf(estate, "traefik").length > 0
      ? `${traefikRoot(estate)}/var/lib/traefik/acme.json`
      : `${folderOf(guestOf(estate, "mesh").id)}/acme.json`;
  return `${traefikRoot(estate)}${storage?.startsWith("/") ? "" : "/"}${storage ?? "acme.json"}`;
}

type Add = (what: string, becomes: string, why: string) => void;
type Text = Pick<OperatorFile, "path" | "text">;

/** The static file, with an API on loopback where it has none that answers there. */
function staticOf(estate: Estate, add: Add): Text {
  const own = staticFile(estate);
  if (!own) {
    add(`${CONF}/traefik.yml`, "phx's own template", "the checkout carries none");
    return { path: `${CONF}/traefik.yml`, text: inYaml(staticConfig(estate, TEMPLATE_PATHS)) };
  }
  const { apiPort } = meshStatic(own.text);
  const text = apiPort === undefined ? withApi(own.text) : own.text;
  if (text === undefined || text === own.text) return own;
  const becomes = `api.insecure and the entry point traefik at 127.0.0.1:${TRAEFIK_API_PORT}`;
  add(
    `${own.name}: no API without authorization`,
    becomes,
    "the controls read Traefik's own record there; no other guest reaches a loopback",
  );
  return { path: own.path, text };
}

/** Where Traefik's files lie on a guest. */
export const TEMPLATE_PATHS = {
  root: `${CONF}/root_ca.crt`,
  provider: { directory: DYNAMIC },
  store: "/var/lib/traefik/acme.json",
  accessLog: "/var/log/traefik/access.json",
} as const;

/**
 * A static file that also has an API on loopback; every other byte of it is as it was. Undefined where it is no mapping, or
 * its entry point `traefik` is another port's: then there is no API, and what needs one can't be told.
 */
export function withApi(text: string): string | undefined {
  const document = parseDocument(text, { logLevel: "silent", strict: false });
  const contents = document.contents;
  if (document.errors.length > 0 || !isMap(contents)) return undefined;
  const edits: { at: number; end: number; put: string }[] = [];
  const put = (map: unknown, line: string) => {
    if (!isMap(map)) return;
    const [first] = map.items;
    const key = first?.key;
    const at = isScalar(key) ? (key.range?.[0] ?? 0) : (map.range?.[0] ?? 0) + 1;
    const indent = text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
    edits.push({
      at,
      end: at,
      put: map.flow || !first ? `${line}${first ? ", " : ""}` : `${line}\n${indent.replace(/[^\s]/g, " ")}`,
    });
  };
  const keyOf = (name: string) =>
    contents.items.find(({ key }) => isScalar(key) && String(key.value).toLowerCase() === name.toLowerCase());
  const entryPoints = keyOf("entryPoints");
  const api = keyOf("api");
  const own = under(leavesOf(text), "entryPoints", "traefik");
  if (own.length === 0 && entryPoints)
    put(entryPoints.value, `traefik: {address: "127.0.0.1:${TRAEFIK_API_PORT}"}`);
  if (!api) put(contents, "api: {insecure: true, dashboard: false}");
  else if (isMap(api.value)) {
    const open = api.value.items.find(
      ({ key }) => isScalar(key) && String(key.value).toLowerCase() === "insecure",
    );
    const range = isScalar(open?.value) ? open.value.range : undefined;
    if (range) edits.push({ at: range[0], end: range[1], put: "true" });
    else put(api.value, "insecure: true");
  } else return undefined;
  if (!entryPoints) put(contents, `entryPoints: {traefik: {address: "127.0.0.1:${TRAEFIK_API_PORT}"}}`);
  return edits
    .toSorted((a, b) => b.at - a.at)
    .reduce((all, { at, end, put: line }) => `${all.slice(0, at)}${line}${all.slice(end)}`, text);
}

/** phx's own routes where the checkout carries none: Phoenix renders them from the guests' files. */
function routesOf(estate: Estate, own: readonly OperatorFile[], runtime: MeshStatic, add: Add): Text[] {
  if (own.some((file) => !isStatic(file))) return [];
  const { dynamic } = runtime;
  const folder = dynamic?.kind === "filename" ? folderAbove(dynamic.path) : (dynamic?.path ?? DYNAMIC);
  if (!isOwn(folder)) return [];
  const path = dynamic?.kind === "filename" ? dynamic.path : `${folder}/phx-routes.yml`;
  const entryPoint = runtime.entryPoints.find(({ port }) => port === 443)?.name ?? "websecure";
  const resolver = runtime.resolvers[0]?.name ?? "internal";
  add(path, "the declared routes, as phx renders them", "the checkout carries no dynamic file");
  return [{ path, text: inYaml(dynamicConfig(estate, TEMPLATE_PATHS.root, { entryPoint, resolver })) }];
}

function inYaml(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Files of roots: of the ACME client, of transports to backends, of clients. */
function trusted(leaves: readonly Leaf[]): string[] {
  const lists = new Set(["cacertificates", "rootcas", "cafiles"]);
  const found = leaves
    .filter(({ keys }) => keys.some((key) => lists.has(key.toLowerCase())))
    .map(({ value }) => value);
  return [...new Set(found)].filter((path) => path.startsWith("/") && isOwn(path));
}

function pairs(leaves: readonly Leaf[]): string[] {
  const found = leaves.filter(({ keys }) => /^(?:certFile|keyFile)$/i.test(keys.at(-1) ?? ""));
  return [...new Set(found.map(({ value }) => value))];
}

function written(leaves: readonly Leaf[]): string[] {
  return leaves
    .filter(({ keys }) => /^(?:storage|filePath)$/i.test(keys.at(-1) ?? ""))
    .map(({ value }) => value);
}

/** A path below a folder that is the jail's own, and not the system's. */
function isOwn(path: string): boolean {
  return (
    !path.split("/").includes("..") &&
    !/\s/.test(path) &&
    !/^\/(?:dev|proc|sys|usr|bin|sbin|lib\w*)(?:\/|$)/.test(path)
  );
}

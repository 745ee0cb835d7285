import type { Note, Position } from "./estate.ts";
import { at, type Declaration, type Declared } from "./files.ts";
import { inconsistent } from "./note.ts";
import type { StacksFile } from "./phoenix/stacks.ts";
import { positionOf } from "./source.ts";
import { isHostname } from "./zone.ts";

/** A name that some file routes, before it is known to be internal and the only one. */
export interface RouteDraft {
  readonly hostname: string;
  readonly guest: Declaration;
  readonly port: number;
  readonly tls: boolean;
  readonly position: Position;
}

interface Drafts {
  readonly drafts: readonly RouteDraft[];
  readonly notes: readonly Note[];
}

/** What the Traefik labels of a VM's Docker stacks route: the VM's address, the label's port. */
export function stackRoutes(guest: Declaration, stacks: Declared<StacksFile> | undefined): Drafts {
  if (guest.kind !== "vm") return { drafts: [], notes: [] };
  const parts = (guest.value.docker_stacks ?? []).map((reference, index) => {
    const environments = stacks?.value.docker_stacks[reference.name]?.environments ?? {};
    const asked = "environment" in reference ? reference.environment : undefined;
    const environment = asked ?? ("production" in environments ? "production" : Object.keys(environments)[0]);
    const services = environment === undefined ? undefined : environments[environment];
    if (!stacks || !services) return absent(guest, index, reference.name, asked);
    return routesIn(stacks, guest, reference.name, environment ?? "");
  });
  return { drafts: parts.flatMap((part) => part.drafts), notes: parts.flatMap((part) => part.notes) };
}

function absent(guest: Declaration, index: number, name: string, environment: string | undefined): Drafts {
  const what = environment ? `stack ${name}, environment ${environment}` : `stack ${name}`;
  const message = `${guest.id} ${guest.value.name} runs ${what}, which no file declares`;
  const remedy = "Declare it in phoenix_stacks_config.json, or take it from the VM.";
  return { drafts: [], notes: [inconsistent(at(guest, "docker_stacks", index), message, remedy)] };
}

function routesIn(
  { source, value }: Declared<StacksFile>,
  guest: Declaration,
  stack: string,
  environment: string,
): Drafts {
  const drafts: RouteDraft[] = [];
  const notes: Note[] = [];
  const services = value.docker_stacks[stack]?.environments?.[environment]?.services ?? {};
  for (const [service, { traefik_labels = [] }] of Object.entries(services)) {
    const path = ["docker_stacks", stack, "environments", environment, "services", service, "traefik_labels"];
    const labels = new Map(
      traefik_labels.map((label, index) => [keyOf(label), { text: valueOf(label), index }]),
    );
    if (labels.get("traefik.enable")?.text === "false") continue;
    const servers = [...labels.keys()].flatMap((key) => SERVER_PORT.exec(key)?.[1] ?? []);
    for (const [key, { text, index }] of labels) {
      const router = /^traefik\.http\.routers\.([^.]+)\.rule$/.exec(key)?.[1];
      if (router === undefined) continue;
      const position = positionOf(source, [...path, index]);
      const { port, tls } = targetOf(labels, router, servers);
      const hosts = hostsOf(text);
      if (port === undefined || hosts === undefined) {
        notes.push(
          inconsistent(
            position,
            unclear(router, port),
            "Give a rule of Host(`...`) alone and a server port.",
          ),
        );
        continue;
      }
      for (const hostname of hosts) drafts.push({ hostname, guest, port, tls, position });
    }
  }
  return { drafts, notes };
}

type Labels = ReadonlyMap<string, { readonly text: string; readonly index: number }>;

/** `servers`: the services of these labels that have a port. */
function targetOf(
  labels: Labels,
  router: string,
  servers: readonly string[],
): { port: number | undefined; tls: boolean } {
  const service =
    labels.get(`traefik.http.routers.${router}.service`)?.text ??
    (servers.length === 1 ? servers[0] : router);
  const server = `traefik.http.services.${service}.loadbalancer.server`;
  const port = Number(labels.get(`${server}.port`)?.text);
  const tls = labels.get(`${server}.scheme`)?.text === "https";
  return { port: Number.isInteger(port) && port > 0 && port < 65536 ? port : undefined, tls };
}

const SERVER_PORT = /^traefik\.http\.services\.([^.]+)\.loadbalancer\.server\.port$/;

/** No bracket within: a search for the closing one from each of many opening ones would take its time squared. */
const HOST = /Host\(([^()]*)\)/g;

/** The names of a rule that is hosts alone; undefined where anything but the name decides (R4 wants the name alone). */
function hostsOf(rule: string): string[] | undefined {
  const hosts = [...rule.matchAll(HOST)].flatMap(([, list = ""]) =>
    list.split(",").map((host) =>
      host
        .trim()
        .replace(/^[`"']|[`"']$/g, "")
        .toLowerCase(),
    ),
  );
  const rest = rule.replaceAll(HOST, "").replaceAll(/[\s|()]/g, "");
  return rest === "" && hosts.length > 0 && hosts.every(isHostname) ? hosts : undefined;
}

function unclear(router: string, port: number | undefined): string {
  if (port === undefined) return `router ${router} has no server port, so it routes nowhere`;
  return `router ${router} does not decide by plain host names alone`;
}

function keyOf(label: string): string {
  return label.split("=", 1)[0]?.trim().toLowerCase() ?? "";
}

function valueOf(label: string): string {
  return label.includes("=") ? label.slice(label.indexOf("=") + 1).trim() : "";
}

import { type Estate, guestOf } from "../../policy/estate.ts";
import { filesOf, type Server } from "../../policy/operator/operator.ts";
import { folderOf } from "../layout.ts";
import type { Resource } from "../resource.ts";
import { JAIL } from "./jail.ts";
import type { Mapped } from "./mapping.ts";
import { operatorNginx } from "./nginx.ts";
import { operatorStepCa } from "./step-ca.ts";
import { apiPortOf, operatorTraefik } from "./traefik.ts";

type Service = Extract<Resource, { kind: "service" }>;
interface Operated {
  readonly resources: readonly Resource[];
  readonly argv: readonly string[];
  readonly mapped: readonly Mapped[];
}

const MADE: Readonly<Record<Server, (estate: Estate) => Operated>> = {
  nginx: operatorNginx,
  traefik: operatorTraefik,
  "step-ca": operatorStepCa,
};

function operatedOf(estate: Estate): (Operated & { readonly server: Server })[] {
  const servers = (["nginx", "traefik", "step-ca"] as const).filter(
    (server) => filesOf(estate, server).length > 0,
  );
  return servers.map((server) => ({ server, ...MADE[server](estate) }));
}

/** What of the operator's files is another thing in the lab, and what is left out. */
export function mappingOf(estate: Estate): readonly Mapped[] {
  const secrets = (estate.operator?.files ?? []).filter((file) => file.secrets > 0);
  return [
    ...operatedOf(estate).flatMap(({ mapped }) => mapped),
    ...secrets.map(({ server, name, secrets: count }): Mapped => {
      const why = "no secret leaves the reading of a file, the lab's servers do not need them";
      return {
        server,
        what: `${count} secret ${count === 1 ? "value" : "values"} of ${name}`,
        becomes: "[redacted]",
        why,
      };
    }),
    ...(estate.operator?.leftOut ?? []).map(({ name, reason }): Mapped => {
      const server = (["nginx", "traefik"] as const).find((each) => name.includes(`${each}/`)) ?? "step-ca";
      return { server, what: name, becomes: "", why: reason };
    }),
  ];
}

/**
 * The resources of a lab with the operator's own files in the place of phx's: each server that has any runs on them alone,
 * in a file system of its own. Step-CA's own configuration stays at hand: where the operator's is refused the rest of the
 * lab still needs a CA.
 */
export function operated(estate: Estate, resources: readonly Resource[]): Resource[] {
  const servers = operatedOf(estate);
  if (servers.length === 0) return [...resources];
  const files: Resource[] = [JAIL, ...servers.flatMap((each) => each.resources)];
  const first = resources.findIndex(({ kind }) => kind === "service");
  const changed = resources.map((resource) => {
    const own = resource.kind === "service" && servers.find(({ server }) => server === resource.name);
    return own && resource.kind === "service" ? serviceOf(estate, resource, own) : resource;
  });
  return [...changed.slice(0, first), ...files, ...changed.slice(first)];
}

function serviceOf(
  estate: Estate,
  service: Service,
  { server, argv, resources }: Operated & { readonly server: Server },
): Service {
  const { reload: _reload, resolvConf: _view, ...kept } = service;
  const reads = [JAIL, ...resources].map(({ key }) => key);
  const conf = `file ${folderOf(service.namespace)}/resolv.conf`;
  return {
    ...kept,
    argv,
    reads: ["keys", conf, ...reads],
    after:
      server === "step-ca"
        ? kept.after
        : [...new Set([...kept.after, ...(estate.dns.enabled ? ["service dns"] : [])])],
    ready: readyOf(estate, service, server),
    operator: server === "step-ca" ? { otherwise: service.argv } : {},
  };
}

function readyOf(estate: Estate, service: Service, server: Server): Service["ready"] {
  if (server === "step-ca") return service.ready;
  const names = server === "traefik" ? estate.routes.map(({ hostname }) => hostname) : [];
  return { kind: "operator", ...(server === "traefik" ? { api: apiPortOf(estate), names } : { names }) };
}

/** Where the operator's servers say why they would not start. */
export function refusalFile(log: string): string {
  return `${log}.refused`;
}

/** The log of a server, and where it is told that it would not start. */
export function operatorLogs(
  estate: Estate,
): { readonly server: Server; readonly namespace: string; readonly log: string; readonly refusal: string }[] {
  const roles = { nginx: "gateway", traefik: "mesh", "step-ca": "ca" } as const;
  return (["nginx", "traefik", "step-ca"] as const)
    .filter((server) => filesOf(estate, server).length > 0)
    .map((server) => {
      const { id } = guestOf(estate, roles[server]);
      const log = `${folderOf(id)}/${server}.log`;
      return { server, namespace: id, log, refusal: refusalFile(log) };
    });
}

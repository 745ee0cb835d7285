import { stringify } from "yaml";
import type { Estate } from "../../policy/estate.ts";
import type { Server } from "../../policy/operator/operator.ts";
import { caConfig } from "../authority.ts";
import { edgeConfig } from "../edge.ts";
import { dynamicConfig, staticConfig } from "../mesh.ts";
import { TEMPLATE_PATHS } from "./traefik.ts";

/** A file for a guest: `name` below the server's folder there. */
export interface Template {
  readonly name: string;
  readonly content: string;
}

/** phx's own configuration of a server for the real guest, with a guest's paths; `folder` is where it goes there. */
export function templatesOf(
  estate: Estate,
  server: Server,
): { readonly folder: string; readonly files: Template[] } {
  switch (server) {
    case "nginx":
      return { folder: "/etc/nginx", files: [{ name: "nginx.conf", content: nginx(estate) }] };
    case "traefik":
      return { folder: "/etc/traefik", files: traefik(estate) };
    case "step-ca":
      return { folder: "/etc/step-ca", files: [{ name: "ca.json", content: stepCa(estate) }] };
  }
}

const EDGE_PATHS = {
  root: "/etc/nginx/ssl/phoenix_root_ca.crt",
  chain: "/etc/nginx/ssl/public_chain.crt",
  key: "/etc/nginx/ssl/public.key",
} as const;

function nginx(estate: Estate): string {
  const main = `# phx's own template for /etc/nginx/nginx.conf. Before it is loaded, put on the guest:
#   ${EDGE_PATHS.chain}       your public certificate with its intermediates, for every public name below
#   ${EDGE_PATHS.key}             its key
#   ${EDGE_PATHS.root}   Step-CA's root: Traefik is verified against it
user www-data;
worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 768; }`;
  return edgeConfig(estate, EDGE_PATHS, main, "  access_log /var/log/nginx/access.log timed;");
}

function traefik(estate: Estate): Template[] {
  const paths = { ...TEMPLATE_PATHS, provider: { filename: "/etc/traefik/dynamic.yml" } };
  const before = `# phx's own template for /etc/traefik/traefik.yml. Before it is loaded, put on the guest:
#   ${TEMPLATE_PATHS.root}   Step-CA's root: the CA and the backends are verified against it
# and make the folders of its access log and of its certificates.
`;
  return [
    { name: "traefik.yml", content: before + stringify(staticConfig(estate, paths)) },
    {
      name: "dynamic.yml",
      content: `# The declared routes.\n${stringify(dynamicConfig(estate, TEMPLATE_PATHS.root))}`,
    },
  ];
}

function stepCa(estate: Estate): string {
  const paths = {
    root: "/etc/step-ca/certs/root_ca.crt",
    intermediate: "/etc/step-ca/certs/intermediate_ca.crt",
    key: "/etc/step-ca/secrets/intermediate_ca_key",
    database: "/etc/step-ca/db",
  };
  return `${JSON.stringify(caConfig(estate, paths, []), null, 2)}\n`;
}

import { type Estate, guestOf } from "../policy/estate.ts";
import { folderOf, KEYS } from "./layout.ts";
import type { Resource } from "./resource.ts";

/**
 * Nginx, the only way in: ends public TLS, maps each public name to the internal one with the same first label, and
 * speaks verified TLS to Traefik alone. A request for another name than that of its handshake is misdirected (RFC 9110
 * section 15.5.20), so that a client which shares a connection among names opens one for each. The protocols stand in `http`, since the default server of a socket decides.
 */
export function edgeFiles(estate: Estate): Resource[] {
  const folder = folderOf(guestOf(estate, "gateway").id);
  const path = `${folder}/nginx.conf`;
  const { root, edgeChain: chain, edgeKey: key } = KEYS;
  const content = edgeConfig(
    estate,
    { root, chain, key },
    head(folder),
    `  access_log ${folder}/access.log timed;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;`,
  );
  return [{ kind: "file", key: `file ${path}`, path, content }];
}

function head(folder: string): string {
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log info;
events { worker_connections 512; }`;
}

/** Where Nginx's keys and certificates lie, as it names them. */
export interface EdgePaths {
  readonly root: string;
  readonly chain: string;
  readonly key: string;
}

/** A whole nginx.conf; `main` and `logs` are the lines that depend on where it runs. */
export function edgeConfig(estate: Estate, paths: EdgePaths, main: string, logs: string): string {
  const gateway = guestOf(estate, "gateway").address;
  const mesh = guestOf(estate, "mesh").address;
  const names = estate.publicNames.map(({ external }) => external).join(" ");
  const map = estate.publicNames.map(({ external, internal }) => `    ${external} ${internal};`).join("\n");
  const sni = estate.publicNames.map(({ external }) => `    ${external} ${external};`).join("\n");
  return `${main}
http {
  log_format timed '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent request=$request_time '
    'upstream_connect=$upstream_connect_time upstream_header=$upstream_header_time upstream=$upstream_addr';
${logs}
  server_tokens off;
  server_names_hash_max_size 16384; server_names_hash_bucket_size 512;
  map_hash_max_size 16384; map_hash_bucket_size 512;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
  ssl_session_tickets off;
  map $host $internal_name {
    default "";
${map}
  }
  map $ssl_server_name $sni {
    default "";
${sni}
  }
  upstream traefik { server ${mesh}:443; }
  server { listen ${gateway}:80 default_server; server_name _; return 444; }
  server { listen ${gateway}:443 ssl http2 default_server; server_name _; ssl_reject_handshake on; return 421; }
${estate.publicNames.length ? namedServers(gateway, names, paths) : ""}}
`;
}

function namedServers(gateway: string, names: string, paths: EdgePaths): string {
  return `  server { listen ${gateway}:80; server_name ${names}; return 301 https://$host$request_uri; }
  server {
    listen ${gateway}:443 ssl http2;
    server_name ${names};
    ssl_certificate ${paths.chain};
    ssl_certificate_key ${paths.key};
    add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;
    if ($sni != $host) { return 421; }
    if ($internal_name = "") { return 404; }
    location / {
      proxy_pass https://traefik;
      proxy_http_version 1.1;
      proxy_ssl_server_name on;
      proxy_ssl_name $internal_name;
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 2;
      proxy_ssl_trusted_certificate ${paths.root};
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      proxy_ssl_session_reuse off;
      proxy_set_header Host $internal_name;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-Port 443;
      proxy_set_header X-Forwarded-Server "";
      proxy_set_header X-Forwarded-Prefix "";
      proxy_set_header X-Forwarded-Method "";
      proxy_set_header X-Forwarded-Uri "";
      proxy_set_header Forwarded "";
      proxy_set_header Connection "";
    }
  }
`;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNginx } from "./nginx-config.ts";
import { targetsOf } from "./proxy-targets.ts";

const PRINTED = `# configuration file /etc/nginx/nginx.conf:
user www-data; # proxy_pass http://comment;
http {
  log_format main '$remote_addr; { "quoted" }';
  upstream traefik { server 10.0.0.12:443 max_fails=3; server 10.0.0.14; }
  include sites/*;
}
stream { upstream traefik { server 10.0.0.99:1; } server { listen 1; proxy_pass traefik; } }

# configuration file /etc/nginx/sites/a:
server {
  location ~ "^/a{2};$" { proxy_pass https://traefik/x; }
  location / { if ($a = "\\"}") { return 421; }
    proxy_pass http://\${backend}:80; fastcgi_pass unix:/run/a.sock; grpc_pass grpcs://10.0.0.1; }
}
`;

test("each target is told with its file, its line and what its name stands for: in http, whichever file, and in stream apart", () => {
  assert.deepEqual(targetsOf(parseNginx(PRINTED)), [
    "/etc/nginx/sites/a:2 proxy_pass https://traefik/x > 10.0.0.12:443, 10.0.0.14:443",
    "/etc/nginx/sites/a:4 proxy_pass http://${backend}:80 > ${backend}:80",
    "/etc/nginx/sites/a:4 fastcgi_pass unix:/run/a.sock > unix:/run/a.sock",
    "/etc/nginx/sites/a:4 grpc_pass grpcs://10.0.0.1 > 10.0.0.1:443",
    "/etc/nginx/nginx.conf:7 proxy_pass traefik > 10.0.0.99:1",
  ]);
});

test("a text without an end, or with one too many, is read as far as it goes", () => {
  assert.deepEqual(parseNginx("http { server { proxy_pass http://a").length, 1);
  assert.deepEqual(parseNginx("} http { }"), []);
  assert.deepEqual(parseNginx('a "never closed'), []);
});

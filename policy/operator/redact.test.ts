import assert from "node:assert/strict";
import { test } from "node:test";
import type { Server } from "./operator.ts";
import { redact } from "./redact.ts";

const CASES: readonly (readonly [string, Server, string, string])[] = [
  [
    "a header of Nginx",
    "nginx",
    'proxy_set_header Authorization "Basic czNjcjN0";',
    'proxy_set_header Authorization "[redacted]";',
  ],
  [
    "a header behind a brace",
    "nginx",
    "location / { proxy_set_header X-Api-Key s3cr3t; }",
    "location / { proxy_set_header X-Api-Key [redacted]; }",
  ],
  ["a variable of Nginx", "nginx", 'set $api_token "s3cr3t";', 'set $api_token "[redacted]";'],
  ["a directive that is a secret", "nginx", "secure_link_secret s3cr3t;", "secure_link_secret [redacted];"],
  [
    "a password in an address",
    "nginx",
    "proxy_pass http://user:s3cr3t@10.0.0.1/;",
    "proxy_pass http://user:[redacted]@10.0.0.1/;",
  ],
  ["a hash of a password", "traefik", 'users:\n  - "admin:$apr1$s3cr3t$x"', 'users:\n  - "admin:[redacted]"'],
  ["a token of YAML", "traefik", "token: s3cr3t # why", 'token: "[redacted]"# why'],
  [
    "a block of YAML",
    "traefik",
    "password: |\n  s3cr3t\n  more\nb: 1",
    'password: |\n  "[redacted]"\n  "[redacted]"\nb: 1',
  ],
  ["a list of YAML", "traefik", "tokens:\n- s3cr3t\nb: 1", 'tokens:\n- "[redacted]"\nb: 1'],
  [
    "a key that wraps another",
    "step-ca",
    '{"encryptedKey": "s3cr3t", "x": 1}',
    '{"encryptedKey": "[redacted]", "x": 1}',
  ],
  [
    "a private member of a JWK",
    "step-ca",
    '{"kty": "EC", "d": "s3cr3t"}',
    '{"kty": "EC", "d": "[redacted]"}',
  ],
  [
    "a private key",
    "nginx",
    "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----[redacted]\n\n-----END PRIVATE KEY-----",
  ],
];

for (const [title, server, text, expected] of CASES)
  test(`${title} is replaced at the reading`, () => {
    const { text: shown, secrets } = redact(server, text);
    assert.equal(shown, expected);
    assert.ok(secrets > 0);
    assert.equal(shown.split("\n").length, text.split("\n").length);
  });

test("what says where a key lies, or of what kind it is, stays", () => {
  const kept: readonly (readonly [Server, string])[] = [
    ["nginx", "ssl_certificate_key /etc/nginx/ssl/a.key;"],
    ["nginx", "proxy_set_header Host $host;"],
    ["traefik", "keyType: EC256"],
    ["traefik", "keyFile: /etc/traefik/a.key"],
    ["step-ca", '{"key": "/etc/step-ca/secrets/k", "kid": "a"}'],
  ];
  for (const [server, text] of kept) assert.deepEqual(redact(server, text), { text, secrets: 0 });
});

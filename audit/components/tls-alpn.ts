import { expectations, inSource } from "./row.ts";

/* TLS-ALPN-01: Step-CA as the validator, Traefik and our own client as the responder, Nginx as what must not be one. */

const INVALID = "invalid (rejectedIdentifier)";

export const VALIDATOR_LIST = expectations({ component: "step-ca", list: "validator" }, "8737", [
  [
    "VA1",
    "3",
    "connects to port 443 of the name's address, with its SNI and acme-tls/1 alone",
    "valid: SNI the name, offers acme-tls/1, gets acme-tls/1",
  ],
  ["VA2-tls-1.1", "4", "does not speak below TLS 1.2", "pending (connection)"],
  ["VA2-tls-1.2", "4", "speaks TLS 1.2", "valid, TLSv1.2"],
  ["VA3", "3", "closes without application data", "0 bytes, closed"],
  ["VA4", "3", "compares the name without case", "valid"],
  ["VA5-missing", "3", "asks for acmeIdentifier", INVALID],
  ["VA5-not-critical", "3", "asks for it to be critical", INVALID],
  ["VA5-obsolete", "6.1", "takes no identifier of the drafts", INVALID],
  ["VA6-other-token", "3", "takes no digest of another token", INVALID],
  ["VA6-other-account", "3", "takes no digest of another account", INVALID],
  ["VA6-token-only", "3", "takes no digest of the token alone", INVALID],
  ["VA7-no-octet-string", "3", "takes no digest outside an OCTET STRING", INVALID],
  ["VA7-31-bytes", "3", "takes no digest of 31 bytes", INVALID],
  ["VA7-trailing-der", "3", "takes nothing after the OCTET STRING", INVALID],
  ["VA8-two-names", "3", "takes no second dNSName", INVALID],
  ["VA8-other-name", "3", "takes no other dNSName", INVALID],
  ["VA8-no-name", "3", "asks for a dNSName", INVALID],
  [
    "VA9-and-address",
    "3",
    "takes no iPAddress beside the dNSName",
    "valid",
    inSource(INVALID, "acme/challenge.go, which counts dNSNames alone"),
  ],
  [
    "VA9-and-mail",
    "3",
    "takes no rfc822Name beside the dNSName",
    "valid",
    inSource(INVALID, "acme/challenge.go, which counts dNSNames alone"),
  ],
  ["VA10-no-alpn", "3", "takes no handshake that negotiates no ALPN", `${INVALID}, TLSv1.3`],
  ["VA10-only-h2", "3", "takes no other protocol", INVALID],
  ["VA11", "3", "tries again when the client says so", "pending (connection), then valid"],
  [
    "VA12",
    "3",
    "a target that says nothing ends in an answer",
    "the connection breaks within 35 s, challenge pending (connection), 1 connections",
    inSource(
      "an answer with the challenge's error",
      "ca/ca.go: the server's 15 s to write, against 30 s to validate",
    ),
  ],
  ["VA13-expired", "3", "does not ask for a validity", "valid"],
  ["VA14-a-and-aaaa", "3", "goes on to the next address where one is deaf", "valid, SNI the ordered name"],
  ["VA14-cname", "3", "follows an alias, and names what was ordered", "valid, SNI the ordered name"],
  ["VA14-two-addresses", "3", "goes on to the second address of a family", "valid, SNI the ordered name"],
]);

const CHALLENGE = "the challenge certificate; then valid";
const TLS_FLOOR = "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION";
const UNKNOWN_NAME = "ERR_SSL_TLSV1_UNRECOGNIZED_NAME";
const NO_CERTIFICATE = "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE";

const TRAEFIK = expectations({ component: "traefik", list: "responder" }, "8737", [
  ["traefik-R1", "3", "shows a certificate of its name alone with the digest", CHALLENGE],
  ["traefik-R2-other-name", "3", "shows it under no other name", UNKNOWN_NAME],
  ["traefik-R2-no-name", "3", "nor without a name", UNKNOWN_NAME],
  ["traefik-R3-h2", "3", "nor to who asks for h2", "another certificate under h2"],
  ["traefik-R3-http", "3", "nor to who asks for http/1.1", "another certificate under http/1.1"],
  ["traefik-R3-no-alpn", "3", "nor to who asks for nothing", "another certificate under no ALPN"],
  ["traefik-R4", "4", "without a challenge no handshake", UNKNOWN_NAME],
  ["traefik-R5", "3", "after the validation none either", UNKNOWN_NAME],
  [
    "traefik-R6",
    "4",
    "acme-tls/1 among others serves nothing else",
    "selects h2 with the challenge certificate, 0 bytes",
    inSource("no other protocol under the challenge certificate", "pkg/server/router/tcp/router.go"),
  ],
  ["traefik-R7", "4", "exchanges no data", "0 bytes, closed"],
  ["traefik-R8-tls-1.1", "4", "does not speak below TLS 1.2", TLS_FLOOR],
  ["traefik-R11", "3", "the challenge has a key of its own", "a key of its own"],
]);

const OWN = expectations({ component: "phx", list: "responder" }, "8737", [
  ["own-R1", "3", "shows a certificate of its name alone with the digest", CHALLENGE],
  ["own-R2-other-name", "3", "shows it under no other name", NO_CERTIFICATE],
  ["own-R2-no-name", "3", "nor without a name", NO_CERTIFICATE],
  ["own-R3-h2", "3", "nor to who asks for h2", "ECONNRESET"],
  ["own-R3-http", "3", "nor to who asks for http/1.1", "ECONNRESET"],
  ["own-R3-no-alpn", "3", "nor to who asks for nothing", "ECONNRESET"],
  ["own-R4", "4", "without a challenge no handshake", NO_CERTIFICATE],
  ["own-R5", "3", "after the validation none either", NO_CERTIFICATE],
  [
    "own-R6",
    "4",
    "acme-tls/1 among others serves nothing else",
    "selects acme-tls/1 with the challenge certificate, 0 bytes",
  ],
  ["own-R9", "5", "one guest can't answer for another's name", "pending, 0 handshakes at the other address"],
  ["own-R7", "4", "exchanges no data", "0 bytes, closed"],
  ["own-R8-tls-1.1", "4", "does not speak below TLS 1.2", TLS_FLOOR],
]);

const NGINX = expectations({ component: "nginx", list: "responder" }, "8737", [
  [
    "nginx-R10",
    "5",
    "who ends TLS for others never selects acme-tls/1",
    "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL; among others another certificate under http/1.1",
  ],
]);

export const RESPONDER_LIST = [...TRAEFIK, ...NGINX, ...OWN];

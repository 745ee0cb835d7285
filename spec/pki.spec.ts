import { control } from "../fixtures/test.ts";

control("PKI-001 Traefik certificates come by ACME TLS-ALPN-01");
control("PKI-002 Step-CA is the only internal CA");
control("PKI-003 CA refuses what is not declared");
control("PKI-004 CA reachable by declared clients only");
control("PKI-005 renewal before expiry");
control("PKI-006 internal hops are encrypted and verified");

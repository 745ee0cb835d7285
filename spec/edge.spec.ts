import { control } from "../fixtures/test.ts";

control("EDGE-001 only 80 and 443 answer on the gateway");
control("EDGE-002 nothing else answers outside");
control("EDGE-003 public TLS ends at Nginx");
control("EDGE-004 TLS floor at the edge");
control("EDGE-005 Nginx forwards only to Traefik");
control("EDGE-006 unknown host and proxy abuse refused");

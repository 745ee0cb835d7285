import { control } from "../fixtures/test.ts";

control("SEG-001 undeclared pairs are blocked");
control("SEG-002 declared pairs work");
control("SEG-003 no way round Traefik");
control("SEG-004 declared egress only");

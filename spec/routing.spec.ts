import { control } from "../fixtures/test.ts";

control("RTE-001 only Nginx reaches Traefik");
control("RTE-002 declared host reaches its backend");
control("RTE-003 undeclared host is refused");
control("RTE-004 hostname alone decides");
control("RTE-005 live routers equal declared routers");

import { control } from "../fixtures/test.ts";

control("DNS-001 external view gives the gateway");
control("DNS-002 internal view gives the direct address");
control("DNS-003 no leak between views");
control("DNS-004 internal queries stay inside");
control("DNS-005 no transfer, no open recursion");

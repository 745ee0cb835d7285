import { control } from "../fixtures/test.ts";

control("FW-001 host drops inbound by default");
control("FW-002 every guest drops inbound by default");
control("FW-003 enforcement is live and witnessed");
control("FW-004 each ACCEPT is narrow and justified");
control("FW-005 same policy on IPv6, UDP and ICMP");

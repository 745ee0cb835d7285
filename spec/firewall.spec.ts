import { control } from "../fixtures/test.ts";

control("FW-001 host drops inbound by default");
control("FW-002 every guest drops inbound by default");
control("FW-003 enforcement is live and witnessed");

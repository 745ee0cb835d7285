import { control } from "../fixtures/test.ts";

control("CFG-001 files valid and consistent");
control("CFG-002 live equals declared, both ways");
control("CFG-003 converge is idempotent");
control("CFG-004 no open window");

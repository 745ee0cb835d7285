import { componentLists } from "../fixtures/test.ts";

componentLists("component lists");

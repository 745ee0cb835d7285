import { componentLists } from "../fixtures/test.ts";

componentLists("the components do what is expected of them");

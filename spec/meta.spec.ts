import { expect, test } from "../fixtures/test.ts";
import { controlTitles, specTitles } from "../fixtures/titles.ts";

test("every control has one spec, and every spec is a control", () => {
  expect(specTitles()).toEqual(controlTitles());
});

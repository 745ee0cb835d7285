import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../fixtures/reference.ts";
import type { Estate } from "../policy/estate.ts";
import type { ServiceObservation } from "../probes/observation.ts";
import { Observations } from "./control.ts";
import { withOperator } from "./operator.ts";

const CONTROL = withOperator({ id: "PKI-003", probes: () => [], judge: () => [] });

/** The estate with a ca.json of the operator's own, of which Step-CA says this. */
function placeOf(path: string, words: string): string | undefined {
  const name = path.replace("/etc/", "");
  const file = { server: "step-ca", name, path, bytes: 2, sha256: "", text: "{}", secrets: 0 } as const;
  const estate: Estate = {
    ...estateWith(() => {}),
    operator: { files: [file], links: [], leftOut: [] },
  };
  const seen: ServiceObservation = {
    kind: "record",
    id: "record operator-files",
    from: "phx",
    to: "",
    request: "",
    outcome: "answered",
    answer: "",
    facts: { refused: [`step-ca ${words}`], passedOver: [] },
  };
  const [check] = CONTROL.judge(estate, new Observations([seen]));
  assert.equal(check?.result, "fail");
  return check?.declared && `${check.declared.file}:${check.declared.line}`;
}

test("a refusal has the place that the server names, else the file that it starts from", () => {
  assert.equal(placeOf("/etc/step-ca/ca.json", "broken in /etc/step-ca/ca.json:7"), "step-ca/ca.json:7");
  assert.equal(placeOf("/etc/step-ca/ca.json", "address cannot be empty"), "step-ca/ca.json:1");
  assert.equal(placeOf("/etc/step-ca/other.json", "address cannot be empty"), undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../fixtures/reference.ts";
import { plainHops, serviceHops } from "./service-hops.ts";

test("each guest that may ask a service, by the service's name; Nginx and an ACME client's responder are none", () => {
  const hops = serviceHops(estateWith(() => {})).map(
    ({ from, to, port, name, tls }) =>
      `${from.id} ${to.id}:${port} ${name.split(".")[0]}${tls ? " tls" : ""}`,
  );
  const routed = ["grafana", "qdrant", "granite", "portainer"];
  assert.deepEqual(hops, [
    ...routed.map((name) => `101 102:443 ${name} tls`),
    ...routed.map((name) => `103 102:443 ${name} tls`),
    "102 103:9000 ca tls",
    "803 103:9000 ca tls",
    "102 801:3000 grafana",
    "102 802:6333 qdrant",
    "102 901:8000 granite",
    "102 1001:9443 portainer tls",
    "1001 1002:9001 drphoenix",
  ]);
});

test("what is declared without TLS is told with its place", () => {
  const told = plainHops(estateWith(() => {}));
  assert.equal(told.length, 4);
  assert.match(
    told[3] ?? "",
    /^plain text by declaration: Portainer \(guest 1001\) to guest 1002 at 10\.0\.0\.102:9001 for drphoenix\..*, phoenix_hypervisor_config\.json:\d+:\d+$/,
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { smallEstate } from "../../fixtures/estates/small.ts";
import { patchedTexts } from "./patched-estate.ts";
import { changedTexts, estateWith, type Files, NEWER, newerWith } from "../../fixtures/reference.ts";
import { decide } from "../decide.ts";
import type { Estate } from "../estate.ts";
import { type FileTexts, loadEstate } from "../load.ts";
import { describePosition } from "../position.ts";
import { mend } from "./mend.ts";
import { openingOf } from "./opening.ts";
import type { Violation } from "./proof.ts";
import { proveServices } from "./prove.ts";

type Change = (files: Files) => void;

/** The violations of one control. */
function violationsOf(estate: Estate, control: string): readonly Violation[] {
  return proveServices(estate).flatMap((proof) => (proof.control === control ? proof.violations : []));
}

/** All that is violated, `CONTROL message`. */
function told(estate: Estate): readonly string[] {
  return proveServices(estate).flatMap(({ control, violations }) =>
    violations.map(({ message }) => `${control} ${message}`),
  );
}

/** The files once all was mended that can be. */
function mended(texts: FileTexts): FileTexts {
  return patchedTexts(texts, mend(loadEstate("x", texts), proveServices));
}

function portainer({ vm }: Files) {
  return vm.vms[1];
}

test("the newer form of the reference estate has no violation", () => {
  assert.deepEqual(told(newerWith()), []);
});

test("each proof says of which control it is, once, and over what it was decided", () => {
  const proofs = proveServices(estateWith(() => {}));
  assert.deepEqual(
    proofs.map(({ control }) => control).join(" "),
    "EDGE-005 RTE-002 SEG-002 PKI-001 PKI-003 DNS-001 DNS-002 DNS-003 DNS-004 CFG-001",
  );
  const space = (control: string) => proofs.find((each) => each.control === control)?.space;
  assert.equal(space("RTE-002"), "4 routes to 4 backends");
  assert.equal(space("SEG-002"), "10 flows, one for each such rule and pair of places");
});

test("an estate without services needs nothing of its firewall", () => {
  const small = smallEstate({ enabled: true }, { 101: "absent" });
  const guests = (["gateway", "mesh", "ca"] as const).map((role, index) => ({
    ...(small.guests[0] as Estate["guests"][number]),
    role,
    id: `${101 + index}`,
    address: `10.0.0.${101 + index}`,
  }));
  const estate = { ...small, guests, routes: [], dns: { ...small.dns, enabled: true } };
  assert.deepEqual(
    proveServices(estate)
      .filter(({ violations }) => violations.length > 0)
      .map(({ control }) => control),
    ["DNS-002"],
  );
});

/** Grafana's name below a public zone that lies in the internal one: `named` answers it from the longer zone. */
const NESTED: Change = ({ host, lxc }) => {
  const [external] = host.dns_server.authoritative_zones;
  host.domain_name = external.zone_name = "apps.internal.thinkheads.ai";
  lxc.lxc_configs["801"].name = "grafana.apps";
  external.records[1].ip_internal = "10.0.0.141";
};

test("a name of a zone within the internal one is its guest for Step-CA, too", () => {
  const messages = violationsOf(estateWith(NESTED), "PKI-001").map(({ message }) => message);
  assert.deepEqual(messages, [
    "for Step-CA grafana.apps.internal.thinkheads.ai is 10.0.0.141, and not Traefik's 10.0.0.12: it can't be validated",
  ]);
});

test("Step-CA's own name gets no certificate, so it can't be a service's", () => {
  const [violation] = violationsOf(
    estateWith(({ lxc }) => (lxc.lxc_configs["801"].name = "ca")),
    "PKI-001",
  );
  assert.match(
    violation?.message ?? "",
    /^ca\.internal\.thinkheads\.ai is routed to guest 801, but it is Step-CA's own/,
  );
  assert.equal(violation?.patch, undefined);
});

/** A row each: how http-01 gets its rule, and what the patch makes of it. */
const HTTP_01: readonly (readonly [string, Change, (files: Files) => unknown, unknown])[] = [
  [
    "80 beside 443",
    ({ lxc }) => (lxc.lxc_configs["102"].firewall.rules[1].port = "80,443"),
    ({ lxc }) => lxc.lxc_configs["102"].firewall.rules[1].port,
    "443",
  ],
  [
    "by its service's name",
    ({ lxc }) => (lxc.lxc_configs["102"].firewall.rules[1].port = "http"),
    ({ lxc }) => lxc.lxc_configs["102"].firewall.rules[1].port,
    "443",
  ],
  [
    "at a backend",
    ({ lxc }) =>
      lxc.lxc_configs["801"].firewall.rules.push({
        ...lxc.lxc_configs["801"].firewall.rules[0],
        source: "10.0.0.10",
        port: "80",
      }),
    ({ lxc }) => lxc.lxc_configs["801"].firewall.rules.length,
    1,
  ],
  [
    "out of Step-CA",
    ({ lxc }) =>
      lxc.lxc_configs["103"].firewall.rules.push({
        type: "out",
        action: "ACCEPT",
        proto: "tcp",
        dest: "10.0.0.12",
        port: "80",
        comment: "x",
      }),
    ({ lxc }) => lxc.lxc_configs["103"].firewall.rules.length,
    2,
  ],
];

for (const [title, change, read, expected] of HTTP_01) {
  test(`a rule for http-01 ${title} is told and mended`, () => {
    const texts = changedTexts(change);
    assert.equal(violationsOf(loadEstate("x", texts), "PKI-003").length, 1);
    const { lxc } = mended(texts);
    assert.equal(read({ lxc: JSON.parse(lxc.text) } as Files), expected);
    assert.deepEqual(told(loadEstate("x", mended(texts))), []);
  });
}

test("where http-01 has the rule that TLS-ALPN-01 needs, one correction mends both controls", () => {
  const estate = estateWith(({ lxc }) => (lxc.lxc_configs["102"].firewall.rules[1].port = "80"));
  const patches = ["PKI-001", "PKI-003"].map((control) => violationsOf(estate, control)[0]?.patch);
  assert.deepEqual(patches[0], patches[1]);
  assert.equal(mend(estate, proveServices).length, 1);
});

test("a rule for http-01 that is switched off serves nothing", () => {
  const change: Change = ({ lxc }) => {
    const { rules } = lxc.lxc_configs["102"].firewall;
    rules.push({ ...rules[1], port: "80", enable: false });
  };
  assert.deepEqual(violationsOf(estateWith(change), "PKI-003"), []);
});

test("port 80 for anyone, or for Step-CA among all of a network, is no rule for http-01", () => {
  const change: Change = ({ lxc }) => {
    lxc.lxc_configs["101"].firewall.rules[0].source = "10.0.0.0/24";
    lxc.lxc_configs["102"].firewall.rules.push({
      type: "in",
      action: "ACCEPT",
      proto: "tcp",
      source: "10.0.0.10",
      port: "1:100",
    });
  };
  assert.deepEqual(violationsOf(estateWith(change), "PKI-003"), []);
});

test("what an OUT rule promises, the other end keeps", () => {
  const change: Change = ({ lxc }) =>
    lxc.lxc_configs["801"].firewall.rules.push({
      type: "out",
      action: "ACCEPT",
      proto: "tcp",
      dest: "10.0.0.142,10.0.0.201",
      port: "6333,8000",
      comment: "Grafana reads Qdrant",
    });
  const violations = violationsOf(estateWith(change), "SEG-002");
  assert.deepEqual(
    violations.map(({ witness, position }) => [witness?.to, witness?.dport, position.pointer]),
    [
      ["802", 6333, "/lxc_configs/801/firewall/rules/1"],
      ["901", 6333, "/lxc_configs/801/firewall/rules/1"],
    ],
  );
});

test("a way that both ends close is opened at both", () => {
  const texts = changedTexts(({ lxc, host, ...files }) => {
    portainer({ lxc, host, ...files }).firewall = { enabled: true };
    lxc.lxc_configs["102"].firewall.default_output_policy = "DROP";
    host.firewall.global_firewall_rules.pop();
  });
  const before = loadEstate("x", texts);
  const [violation] = violationsOf(before, "RTE-002").filter(({ witness }) => witness?.to === "1001");
  assert.deepEqual(
    violation?.patch?.map(({ op, path }) => `${op} ${path}`),
    ["add /lxc_configs/102/firewall/rules/-", "add /vms/1/firewall/rules"],
  );
  const after = loadEstate("x", patchedTexts(texts, violation?.patch ?? []));
  assert.ok(violation?.witness);
  assert.equal(decide(before, violation.witness).verdict, "drop");
  assert.equal(decide(after, violation.witness).verdict, "accept");
});

/** A row each: the rules of Grafana, and how its way is opened. */
const OPENINGS: readonly (readonly [string, readonly object[], readonly string[]])[] = [
  ["no rule", [], ["add /lxc_configs/801/firewall/rules/-"]],
  [
    "a DROP alone",
    [
      { type: "in", action: "ACCEPT", proto: "udp", port: "1" },
      { type: "in", action: "DROP" },
    ],
    ["add /lxc_configs/801/firewall/rules/1"],
  ],
  [
    "a late ACCEPT behind two that stop it",
    [
      { type: "in", action: "DROP", proto: "tcp" },
      { type: "in", action: "REJECT", port: "3000", proto: "tcp" },
      { type: "in", action: "ACCEPT", port: "3001", proto: "tcp" },
      { type: "in", action: "ACCEPT", port: "3000", proto: "tcp" },
    ],
    ["move /lxc_configs/801/firewall/rules/0"],
  ],
  [
    "an ACCEPT that is switched off",
    [
      { type: "in", action: "DROP", proto: "tcp" },
      { type: "in", action: "ACCEPT", port: "3000", proto: "tcp", enable: false },
    ],
    ["add /lxc_configs/801/firewall/rules/0"],
  ],
];

for (const [title, rules, operations] of OPENINGS) {
  test(`a way that ${title} closes is opened by one operation`, () => {
    const texts = changedTexts(({ lxc }) => (lxc.lxc_configs["801"].firewall.rules = rules));
    const [violation] = violationsOf(loadEstate("x", texts), "RTE-002");
    assert.deepEqual(
      violation?.patch?.map(({ op, path }) => `${op} ${path}`),
      operations,
    );
    assert.deepEqual(
      violationsOf(loadEstate("x", patchedTexts(texts, violation?.patch ?? [])), "RTE-002"),
      [],
    );
  });
}

test("from the internet a rule names no source", () => {
  const estate = estateWith(({ lxc }) => lxc.lxc_configs["101"].firewall.rules.pop());
  const [operation] = violationsOf(estate, "EDGE-005")[0]?.patch ?? [];
  assert.ok(operation?.op === "add");
  assert.deepEqual(operation.value, {
    type: "in",
    action: "ACCEPT",
    proto: "tcp",
    dest: "10.0.0.153",
    port: "443",
    comment: "Public HTTPS from anywhere",
  });
});

test("the witness is a packet that the model stops", () => {
  const estate = estateWith(({ host, lxc }) => {
    host.firewall.global_firewall_rules = [];
    for (const guest of Object.values<Files["lxc"]>(lxc.lxc_configs)) guest.firewall.rules = [];
  });
  const witnesses = proveServices(estate).flatMap(({ violations }) =>
    violations.flatMap(({ witness }) => witness ?? []),
  );
  assert.equal(witnesses.length, 9);
  for (const witness of witnesses) assert.equal(decide(estate, witness).verdict, "drop");
});

test("what the gateway stops no rule opens", () => {
  const estate = estateWith(() => {});
  const flow = {
    from: "wan",
    to: "801",
    proto: "tcp",
    source: "10.0.0.12",
    dest: "10.0.0.141",
    dport: 3000,
  } as const;
  assert.equal(openingOf(estate, flow, { comment: "x" }), undefined);
});

test("the host's firewall is mended where it stands, in shared_volumes too", () => {
  const change: Change = ({ host }) => host.shared_volumes.firewall.global_firewall_rules.pop();
  const texts = changedTexts(change, NEWER);
  const [violation] = violationsOf(loadEstate("x", texts), "DNS-002");
  assert.equal(violation?.patch?.[0]?.path, "/shared_volumes/firewall/global_firewall_rules/-");
  assert.deepEqual(told(loadEstate("x", mended(texts))), []);
});

test("many guests without the name server are counted, and the subnet is let in", () => {
  const estate = estateWith(({ host, lxc }) => {
    host.firewall.global_firewall_rules[0].source = "10.0.0.141";
    for (let id = 0; id < 20; id++) {
      const network = { ip: `10.0.0.${20 + id}/24`, gw: "10.0.0.1", nameservers: "10.0.0.13" };
      lxc.lxc_configs[3000 + id] = { name: `more${id}`, network_config: network };
    }
  });
  const [violation] = violationsOf(estate, "DNS-002");
  assert.match(
    violation?.message ?? "",
    /so 28 guests \(101, .*, 3007, \.\.\.\) can't ask the name server over UDP/,
  );
  assert.match(violation?.remedy ?? "", /-source 10\.0\.0\.0\/24/);
});

/** A row each: what is wrong with a record or a name server, the control, the place, and whether the patch ends it all. */
const NAMES: readonly (readonly [string, Change, string, string])[] = [
  [
    "Step-CA's record is gone",
    ({ host }) => host.dns_server.authoritative_zones[1].records.splice(3, 1),
    "DNS-002",
    "/lxc_configs/103",
  ],
  [
    "a guest's own name leads to another",
    ({ host }) => (host.dns_server.authoritative_zones[1].records[2].ip_internal = "10.0.0.10"),
    "DNS-002",
    "/dns_server/authoritative_zones/1/records/2/ip_internal",
  ],
  [
    "a public name leads nowhere inside, and rightly outside",
    ({ host }) => (host.dns_server.authoritative_zones[0].records[0].ip_internal = "10.0.0.77"),
    "DNS-002",
    "/dns_server/authoritative_zones/0/records/0/ip_internal",
  ],
  [
    "a guest's own record has another address",
    ({ lxc }) =>
      (lxc.lxc_configs["801"].dns_records = [{ hostname: "wiki.internal.thinkheads.ai", ip: "10.0.0.77" }]),
    "DNS-002",
    "/lxc_configs/801/dns_records/0/ip",
  ],
  [
    "a zone without records",
    ({ host }) => delete host.dns_server.authoritative_zones[1].records,
    "DNS-002",
    "/lxc_configs/103",
  ],
  [
    "no internal zone",
    ({ host }) => host.dns_server.authoritative_zones.pop(),
    "DNS-002",
    "/lxc_configs/103",
  ],
  ["enabled is absent", ({ host }) => delete host.dns_server.enabled, "DNS-002", "/dns_server/enabled"],
  [
    "a VM asks another server",
    (files) => (portainer(files).network_config.nameserver = "1.1.1.1"),
    "DNS-004",
    "/vms/1/network_config/nameserver",
  ],
];

for (const [title, change, control, pointer] of NAMES) {
  test(`${title}: told at its place, and mended`, () => {
    const texts = changedTexts(change);
    const violations = violationsOf(loadEstate("x", texts), control);
    assert.ok(
      violations.some(({ position }) => position.pointer === pointer),
      violations.map(({ position }) => describePosition(position)).join(", "),
    );
    const others = told(loadEstate("x", mended(texts))).filter((each) => !each.startsWith("CFG-001"));
    assert.deepEqual(others, []);
  });
}

test("without a section dns_server there is nothing to patch, and it is told", () => {
  const [violation] = violationsOf(
    estateWith(({ host }) => delete host.dns_server),
    "DNS-002",
  ).slice(-1);
  assert.match(violation?.message ?? "", /^the name server is off: 9 guests are told to ask 10\.0\.0\.13$/);
  assert.equal(violation?.patch, undefined);
});

test("a public name's record is corrected, another one is deleted", () => {
  const estate = estateWith(({ host }) => {
    const { records } = host.dns_server.authoritative_zones[0];
    records[0].ip_external = "10.0.0.101";
    records.push({ hostname: "pve", ip_external: "10.0.0.13" });
  });
  const patches = ["DNS-001", "DNS-003"].map((control) =>
    violationsOf(estate, control).flatMap(({ patch }) => patch?.map(({ op, path }) => `${op} ${path}`)),
  );
  const records = "/dns_server/authoritative_zones/0/records";
  const expected = [`replace ${records}/0/ip_external`, `remove ${records}/4`];
  assert.deepEqual(patches, [expected, expected]);
});

test("an address that is nobody's inside leaks nothing, and yet leads astray", () => {
  const estate = estateWith(({ host }) => {
    host.dns_server.authoritative_zones[0].records[0].ip_external = "203.0.113.10";
  });
  assert.equal(violationsOf(estate, "DNS-001").length, 1);
  assert.deepEqual(violationsOf(estate, "DNS-003"), []);
});

test("a guest that is told no name server has to reach the host's", () => {
  const estate = estateWith(({ host, lxc }) => {
    delete lxc.lxc_configs["801"].network_config.nameservers;
    host.firewall.global_firewall_rules[1].source = "10.0.0.0/25,10.0.0.142,10.0.0.153,10.0.0.201";
  });
  const violations = violationsOf(estate, "DNS-002");
  assert.deepEqual(
    violations.map(({ witness }) => [witness?.from, witness?.proto]),
    [["801", "tcp"]],
  );
});

test("guests that are told no name server ask the host's, which is said", () => {
  const estate = estateWith(({ lxc }) => delete lxc.lxc_configs["801"].network_config.nameservers);
  const proof = proveServices(estate).find(({ control }) => control === "DNS-004");
  assert.deepEqual(proof?.notes, ["without a name server, and so asking as the host does: 801"]);
  assert.equal(proof.violations.length, 0);
});

test("a route to an address that is not its guest's is told", () => {
  const estate = estateWith(() => {});
  const routes = estate.routes.map((route) => ({ ...route, address: "10.0.0.9" }));
  const messages = violationsOf({ ...estate, routes }, "RTE-002").map(({ message }) => message);
  assert.equal(messages[0], "grafana.internal.thinkheads.ai is routed to 10.0.0.9, which is not guest 801's");
});

test("many mistakes at once are mended by one patch, in as many lines as they are", () => {
  const texts = changedTexts((files) => {
    const { host, lxc } = files;
    const [external, internal] = host.dns_server.authoritative_zones;
    const stale = ["a", "b", "c"].map((hostname) => ({ hostname, ip_internal: "10.0.0.99" }));
    const leaks = ["d", "e"].map((hostname) => ({ hostname, ip_external: "10.0.0.13" }));
    internal.records.unshift(...stale);
    external.records.splice(1, 0, ...leaks);
    internal.records.pop();
    external.records.at(-1).ip_external = "10.0.0.201";
    portainer(files).network_config.nameserver = "1.1.1.1";
    host.firewall.global_firewall_rules = [];
    for (const id of ["102", "103", "801"]) lxc.lxc_configs[id].firewall.rules = [];
  });
  const operations = mend(loadEstate("x", texts), proveServices);
  assert.equal(operations.length, 3 + 2 + 1 + 1 + 2 + 2 + 1 + 1);
  assert.deepEqual(told(loadEstate("x", patchedTexts(texts, operations))), []);
});

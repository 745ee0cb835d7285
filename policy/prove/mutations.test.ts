import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { changedTexts, type Files } from "../../fixtures/reference.ts";
import { type FileTexts, loadEstate } from "../load.ts";
import { proveAll } from "./all.ts";
import { mend } from "./mend.ts";
import { patchedEstate, patchedTexts } from "./patched-estate.ts";
import type { Proof } from "./proof.ts";
import { sentenceOf } from "./trials.ts";

/* The reference estate with a few changes at random, as people make them by mistake. */

/** A change, and how it reads where a run is told. */
interface Mutation {
  readonly title: string;
  readonly change: (files: Files) => void;
}

/** The reference estate's files, changed; and what was. */
interface Mutated {
  readonly title: string;
  readonly texts: FileTexts;
}

const GUESTS = ["101", "102", "103", "801", "802", "901", "1001"] as const;
const ADDRESSES = [
  "10.0.0.153",
  "10.0.0.12",
  "10.0.0.10",
  "10.0.0.141",
  "10.0.0.142",
  "10.0.0.201",
  "10.0.0.101",
  "10.0.0.13",
  "10.0.0.99",
] as const;
const NETWORKS = [...ADDRESSES, "10.0.0.0/24", "0.0.0.0/0", "10.0.0.12,10.0.0.141", undefined] as const;
const PORTS = ["22", "53", "80", "443", "3000", "6333", "8006", "80,443", "8000:8010"] as const;

const place = fc.constantFrom<string[]>("host", ...GUESTS);
const guest = fc.constantFrom<string[]>(...GUESTS);
const network = fc.constantFrom<(string | undefined)[]>(...NETWORKS);
const address = fc.constantFrom<string[]>(...ADDRESSES);
const index = fc.nat(9);

function guestIn({ lxc, vm }: Files, id: string) {
  return lxc.lxc_configs[id] ?? vm.vms.find((each: { vmid: number }) => String(each.vmid) === id);
}

/** The list of rules of a place; made where there is none. */
function rulesOf(files: Files, id: string): Record<string, unknown>[] {
  if (id === "host") return (files.host.firewall.global_firewall_rules ??= []);
  const firewall = (guestIn(files, id).firewall ??= { enabled: true });
  return (firewall.rules ??= []);
}

function firewallOf(files: Files, id: string): Record<string, unknown> {
  return id === "host" ? files.host.firewall : (guestIn(files, id).firewall ??= {});
}

const rule = fc
  .record({
    type: fc.constantFrom("in", "in", "out"),
    action: fc.constantFrom("ACCEPT", "ACCEPT", "ACCEPT", "DROP", "REJECT"),
    proto: fc.constantFrom("tcp", "tcp", "udp"),
    port: fc.option(fc.constantFrom<string[]>(...PORTS), { nil: undefined, freq: 6 }),
    source: network,
    dest: network,
    comment: fc.constantFrom("why", "why", "why", undefined),
  })
  .map((each) => Object.fromEntries(Object.entries(each).filter(([, value]) => value !== undefined)));

const added = fc.tuple(place, rule, index).map(
  ([id, each, at]): Mutation => ({
    title: `${id} gets rule ${JSON.stringify(each)} at ${at}`,
    change: (files) => rulesOf(files, id).splice(at, 0, each),
  }),
);

const removed = fc.tuple(place, index).map(
  ([id, at]): Mutation => ({
    title: `${id} loses rule ${at}`,
    change: (files) => rulesOf(files, id).splice(at % (rulesOf(files, id).length || 1), 1),
  }),
);

const edited = fc
  .tuple(place, index, fc.constantFrom("source", "dest", "port", "sourc", "comment"), network)
  .map(([id, at, key, value]): Mutation => {
    const written = key === "port" ? "8006" : value;
    return {
      title: `${id}'s rule ${at} has ${key} ${written ?? "none"}`,
      change: (files) => {
        const found = rulesOf(files, id)[at % (rulesOf(files, id).length || 1)];
        if (!found) return;
        if (written === undefined) delete found[key];
        else found[key] = written;
      },
    };
  });

const switched = fc
  .tuple(
    place,
    fc.constantFrom<[string, unknown][]>(
      ["enabled", false],
      ["default_input_policy", "ACCEPT"],
      ["default_output_policy", "DROP"],
    ),
  )
  .map(
    ([id, [key, value]]): Mutation => ({
      title: `${id} has ${key} ${String(value)}`,
      change: (files) => (firewallOf(files, id)[key] = value),
    }),
  );

const unfiltered = guest.map(
  (id): Mutation => ({
    title: `${id} has no firewall`,
    change: (files) => delete guestIn(files, id).firewall,
  }),
);

const named = fc.tuple(fc.nat(1), index, fc.constantFrom("ip_internal", "ip_external"), address).map(
  ([zone, at, key, value]): Mutation => ({
    title: `record ${at} of zone ${zone} has ${key} ${value}`,
    change: ({ host }) => {
      const { records } = host.dns_server.authoritative_zones[zone];
      records[at % records.length][key] = value;
    },
  }),
);

const unnamed = fc.tuple(fc.nat(1), index).map(
  ([zone, at]): Mutation => ({
    title: `zone ${zone} loses record ${at}`,
    change: ({ host }) => {
      const { records } = host.dns_server.authoritative_zones[zone];
      records.splice(at % records.length, 1);
    },
  }),
);

const moved = fc.tuple(guest, fc.constantFrom("10.0.0.77/24", "10.0.0.78/24")).map(
  ([id, ip]): Mutation => ({
    title: `${id} moves to ${ip}`,
    change: (files) => (guestIn(files, id).network_config.ip = ip),
  }),
);

const misled = fc.tuple(guest, fc.constantFrom("10.0.0.1", "9.9.9.9")).map(
  ([id, server]): Mutation => ({
    title: `${id} asks ${server}`,
    change: (files) => (guestIn(files, id).network_config.nameservers = server),
  }),
);

const dependent = guest.map(
  (id): Mutation => ({
    title: `${id} depends on a guest that is gone`,
    change: (files) => (guestIn(files, id).dependencies = [4711]),
  }),
);

const mutation = fc.oneof(
  { weight: 6, arbitrary: added },
  { weight: 2, arbitrary: removed },
  { weight: 6, arbitrary: edited },
  { weight: 2, arbitrary: switched },
  unfiltered,
  named,
  unnamed,
  moved,
  misled,
  dependent,
);

/** One to three changes. Some are none: what is not there is not taken away. */
const mutated: fc.Arbitrary<Mutated> = fc.array(mutation, { minLength: 1, maxLength: 3 }).map((all) => ({
  title: all.map(({ title }) => title).join("; "),
  texts: changedTexts((files) => {
    for (const { change } of all) change(files);
  }),
}));

/** Estates of one run. */
const SAMPLE = 50;

function sentencesIn(proofs: readonly Proof[]): readonly string[] {
  return proofs.flatMap(({ control, violations }) =>
    violations.map(({ message }) => sentenceOf({ control, message })),
  );
}

/** What the first has more often than the second. */
function without(all: readonly string[], some: readonly string[]): readonly string[] {
  const left = Map.groupBy(some, (each) => each);
  return all.filter((each) => left.get(each)?.pop() === undefined);
}

function isSame(a: FileTexts, b: FileTexts): boolean {
  return (["host", "lxc", "vm"] as const).every((key) => a[key].text === b[key].text);
}

/** Each patch by itself: it changes the files, ends its violation, and brings none. */
function holdsEach(texts: FileTexts, proofs: readonly Proof[], says: (what: string) => string): number {
  const before = sentencesIn(proofs);
  const patches = proofs.flatMap(({ control, violations }) =>
    violations.flatMap(({ message, patch }) =>
      patch ? [{ patch, sentence: sentenceOf({ control, message }) }] : [],
    ),
  );
  for (const { patch, sentence } of patches) {
    const after = patchedTexts(texts, patch);
    const left = sentencesIn(proveAll(loadEstate("x", after)));
    const title = says(`${sentence}, by ${JSON.stringify(patch)}`);
    assert.ok(!isSame(after, texts), `changes nothing: ${title}`);
    assert.deepEqual(without(left, before), [], `brings another: ${title}`);
    assert.ok(without(before, left).includes(sentence), `leaves it: ${title}`);
  }
  return patches.length;
}

/** All together: no patch is left to apply, and nothing new is violated. */
function holdsTogether(texts: FileTexts, proofs: readonly Proof[], says: (what: string) => string): void {
  const estate = loadEstate("x", texts);
  const operations = mend(estate, proveAll);
  const after = proveAll(patchedEstate(estate, operations));
  const title = says(JSON.stringify(operations));
  assert.deepEqual(without(sentencesIn(after), sentencesIn(proofs)), [], `brings another: ${title}`);
  assert.deepEqual(
    after.flatMap(({ violations }) => violations.flatMap(({ patch }) => patch ?? [])),
    [],
    `leaves a patch: ${title}`,
  );
}

test("whatever is changed in the reference estate: each patch ends its violation and brings none, and so do all", (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  const sample: readonly Mutated[] = fc.sample(mutated, { numRuns: SAMPLE, seed });
  let patches = 0;
  for (const { title, texts } of sample) {
    const says = (what: string) => `${what}, where ${title}; seed ${seed}`;
    const proofs = proveAll(loadEstate("x", texts));
    patches += holdsEach(texts, proofs, says);
    holdsTogether(texts, proofs, says);
  }
  assert.ok(patches >= SAMPLE, `${patches} patches of ${SAMPLE} estates, seed ${seed}`);
});

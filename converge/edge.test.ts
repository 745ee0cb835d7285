import assert from "node:assert/strict";
import { test } from "node:test";
import { estateWith } from "../fixtures/reference.ts";
import { rendered } from "../fixtures/rendered.ts";
import type { Estate, PublicName } from "../policy/estate.ts";
import { edgeFiles } from "./edge.ts";
import { createEdgeCertificate, createKeys } from "./keys.ts";
import { KEYS } from "./layout.ts";

const reference = estateWith(() => {});
const [name] = reference.publicNames;
assert.ok(name);

function config(estate: Estate): string {
  const [file, ...others] = edgeFiles(estate);
  assert.deepEqual(others, []);
  assert.ok(file?.kind === "file" && file.path === "/run/phx/101/nginx.conf");
  return file.content;
}

const many = (count: number): PublicName[] =>
  Array.from({ length: count }, (_, index) => {
    const label = `${"long-".repeat(11)}${index}`;
    return {
      ...name,
      external: `${label}.phoenix.thinkheads.ai`,
      internal: `${label}.internal.thinkheads.ai`,
    };
  });

const ESTATES: readonly [string, Estate][] = [
  ["the reference estate", reference],
  ["no public name", { ...reference, publicNames: [] }],
  ["three hundred long names", { ...reference, publicNames: many(300) }],
];

for (const [title, estate] of ESTATES) {
  test(`nginx -t takes the file of ${title}, without a warning`, async () => {
    await using checker = await rendered(edgeFiles(estate), ["10.0.0.153"]);
    const publicNames = estate.publicNames.map(({ external }) => external);
    const spec = {
      folder: KEYS.folder,
      caName: "ca.test",
      acmeStore: "/run/phx/acme.json",
      acmeEmail: "a@b.test",
    };
    const keys = await createKeys(spec, new Date());
    const text = (path: string) => keys.find((file) => file.path === path)?.content ?? "";
    const paths = { certPath: KEYS.edgeChain, keyPath: KEYS.edgeKey, rootPath: "", rootKeyPath: "" };
    const own = { root: text(KEYS.publicRoot), rootKey: text(KEYS.publicRootKey) };
    const edge = createEdgeCertificate({ names: publicNames, ...paths }, own, new Date());
    for (const { path, content, mode } of [...keys, ...edge]) checker.write(path, content, mode);
    const folder = "/run/phx/101";
    const argv = ["nginx", "-t", "-c", `${folder}/nginx.conf`, "-e", `${folder}/error.log`];
    const { exitCode, stderr } = await checker.execute(argv);
    assert.equal(exitCode, 0, stderr);
    assert.doesNotMatch(stderr, /warn|emerg/);
  });
}

test("it listens on 80 and 443 of its own address and on nothing else", () => {
  const listens = [...config(reference).matchAll(/listen ([^ ;]+)/g)].map(([, where = ""]) => where);
  assert.deepEqual([...new Set(listens)].toSorted(), ["10.0.0.153:443", "10.0.0.153:80"]);
});

test("each public name is mapped to the internal one of its label, every other to none", () => {
  const lines = config(reference)
    .split("\n")
    .map((line) => line.trim());
  for (const { external, internal } of reference.publicNames)
    assert.ok(lines.includes(`${external} ${internal};`));
  assert.ok(lines.includes('default "";'));
  assert.equal(
    lines.filter((line) => /^\S+\.phoenix\.thinkheads\.ai \S+\.internal\.thinkheads\.ai;$/.test(line)).length,
    reference.publicNames.length,
  );
});

test("Traefik is verified against Step-CA's root, by name", () => {
  const text = config(reference);
  assert.match(text, /proxy_ssl_verify on;/);
  assert.ok(text.includes(`proxy_ssl_trusted_certificate ${KEYS.root};`));
  assert.match(text, /upstream traefik \{ server 10\.0\.0\.12:443; \}/);
  assert.equal(text.match(/proxy_pass/g)?.length, 1, "one way in, and it leads to Traefik");
});

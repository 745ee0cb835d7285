import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { HarnessError } from "../../errors.ts";
import { DISK, decodeStrictly, sha256Of } from "../read-file.ts";
import { readOperator } from "./read.ts";

const READER = { tree: DISK, sha256Of, decode: decodeStrictly };
const CONF = "worker_processes 1;\n";

/** A folder with these files; a value `-> TARGET` is a link. */
function folderWith(files: Readonly<Record<string, string | Buffer>>): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "phx-operator-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    const target = typeof content === "string" ? /^-> (.+)$/.exec(content)?.[1] : undefined;
    if (target) symlinkSync(target, join(path, name));
    else writeFileSync(join(path, name), content);
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

function names(files: Readonly<Record<string, string | Buffer>>): string[] {
  using folder = folderWith(files);
  const { files: read = [], leftOut = [] } = readOperator(READER, folder.path) ?? {};
  return [
    ...read.map(({ name, path }) => `${name} ${path}`),
    ...leftOut.map(({ name, reason }) => `${name}: ${reason}`),
  ];
}

test("each server's files are found in the estate's folder and in its etc/", () => {
  assert.deepEqual(
    names({ "nginx/nginx.conf": CONF, "etc/traefik/dynamic/a.yml": "a: 1", "step-ca/config/ca.json": "{}" }),
    [
      "nginx/nginx.conf /etc/nginx/nginx.conf",
      "step-ca/config/ca.json /etc/step-ca/ca.json",
      "etc/traefik/dynamic/a.yml /etc/traefik/dynamic/a.yml",
    ],
  );
  assert.deepEqual(names({ "other.txt": "" }), []);
});

test("a template without placeholders is read; one with them, keys and TOML are left out and said", () => {
  const files = {
    "traefik/traefik.yml.template": "a: 1",
    "traefik/b.yml.j2": "a: {{ b }}",
    "traefik/c.toml": "",
    "nginx/ssl/a.key": "x",
  };
  assert.deepEqual(names(files), [
    "traefik/traefik.yml.template /etc/traefik/traefik.yml",
    "nginx/ssl/a.key: no configuration: the lab has keys and certificates of its own",
    "traefik/b.yml.j2: a template with placeholders, the first is {{",
    "traefik/c.toml: Traefik's TOML is not read: give YAML",
  ]);
});

test("a link within the folder is kept as one", () => {
  using folder = folderWith({
    "nginx/sites-available/a": CONF,
    "nginx/sites-enabled/a": "-> ../sites-available/a",
  });
  assert.deepEqual(readOperator(READER, folder.path)?.links, [
    { path: "/etc/nginx/sites-enabled/a", target: "/etc/nginx/sites-available/a" },
  ]);
});

const REFUSED: readonly (readonly [string, Readonly<Record<string, string | Buffer>>, RegExp])[] = [
  [
    "a link out of the folder",
    { "nginx/sites-enabled/a": "-> /etc/passwd" },
    /expected a link within nginx\/, found one to \/etc\/passwd/,
  ],
  [
    "a link up and out",
    { "nginx/conf.d/a.conf": "-> ../../../../etc/shadow" },
    /expected a link within nginx\//,
  ],
  [
    "a folder that is a link",
    { nginx: "-> /etc/ssl" },
    /nginx: expected a link within nginx\/, found one to \/etc\/ssl/,
  ],
  [
    "a file of more than 1 MiB",
    { "nginx/nginx.conf": "#".repeat(2 ** 20 + 1) },
    /expected at most 1048576 bytes, found 1048577/,
  ],
  [
    "bytes that are no text",
    { "nginx/nginx.conf": Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff]) },
    /expected text in UTF-8/,
  ],
  ["a zero byte", { "traefik/traefik.yml": "a\0b" }, /expected text in UTF-8/],
  [
    "one file in both places",
    { "nginx/nginx.conf": CONF, "etc/nginx/nginx.conf": CONF },
    /expected one file for \/etc\/nginx\/nginx.conf/,
  ],
];

for (const [title, files, message] of REFUSED)
  test(`${title} is refused with its place`, () => {
    using folder = folderWith(files);
    assert.throws(
      () => readOperator(READER, folder.path),
      (error: unknown) => error instanceof HarnessError && error.exit === 2 && message.test(error.message),
    );
  });

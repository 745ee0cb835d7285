import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFirewallFile } from "./proxmox/parse.ts";
import { isSecretKey, redactedKeys, redactLines, redactWords } from "./secret.ts";
import { parseSource, positionOf } from "./source.ts";

const SECRET = "hunter2-do-not-print";

test("a key is secret by a word in it", () => {
  const secret = [
    "password",
    "admin_password",
    "DB-PASSWD",
    "apiToken",
    "APIKey",
    "api_keys",
    "passwordHash",
    "Secret2",
  ];
  assert.deepEqual(
    secret.filter((key) => !isSecretKey(key)),
    [],
  );
  assert.equal(isSecretKey("ssh_public_key"), true);
});

test("a key is not secret by letters in it; public_key alone is excepted", () => {
  const open = [
    "public_key",
    "publicKey",
    "monkey",
    "keyboard",
    "hashed",
    "tokenizer",
    "bypass",
    "hostname",
    "ports",
  ];
  assert.deepEqual(open.filter(isSecretKey), []);
});

test("a secret is gone from text and tree; lines and positions stay", () => {
  const text = `{\n  "a": {"admin_password": "${SECRET}", "b": 1},\n  "c": 2\n}`;
  const source = parseSource("f.json", text);
  assert.ok("root" in source);
  assert.equal(source.text, '{\n  "a": {"admin_password": "[redacted]", "b": 1},\n  "c": 2\n}');
  assert.deepEqual(JSON.parse(JSON.stringify(source.value)), {
    a: { admin_password: "[redacted]", b: 1 },
    c: 2,
  });
  assert.equal(positionOf(source, ["a", "b"]).column, (text.split("\n")[1]?.indexOf("1}") ?? 0) + 1);
  assert.deepEqual(source.secrets, [{ file: "f.json", line: 2, column: 27, pointer: "/a/admin_password" }]);
});

test("everything below a secret key is secret, and a value beside a secret name; null hides nothing", () => {
  const text = JSON.stringify({
    tokens: [SECRET, { any: SECRET, number: 31337 }],
    variables: [
      { name: "DATABASE_PASSWORD", value: SECRET },
      { name: "PORT", value: "8000" },
    ],
    "pass\u0077ord": SECRET,
    api_key: null,
  });
  const source = parseSource("f.json", text);
  assert.ok("root" in source);
  assert.doesNotMatch(`${source.text}${JSON.stringify(source.value)}`, /hunter2|31337/);
  assert.match(source.text, /"PORT","value":"8000".*"api_key":null/);
  assert.equal(source.secrets.length, 5);
});

test("no error quotes a secret, however the text around it is broken", () => {
  const broken = [
    `{"admin_password" "${SECRET}"}`,
    `{"admin_password": ${SECRET}}`,
    `{"admin_password": '${SECRET}'}`,
    `{"admin_password": "${SECRET}}`,
    `{"admin_password: "${SECRET}"}`,
    `{"admin_password": "x"${SECRET}"}`,
    `{"admin_password": "x" "${SECRET}": 1}`,
    `{"admin_password": "x""${SECRET}": {"y": 1,}}`,
    `{"a": 1,, "${SECRET}": {"b": nul}}`,
    `{"a": 1,,\n"${SECRET}": {"b":\nnul}}`,
    `{"admin_password": "\\x${SECRET}"}`,
    `{// ${SECRET}\n"a": 1}`,
    `${SECRET}`,
  ];
  for (const text of broken) {
    const faults = parseSource("f.json", text);
    assert.ok(!("root" in faults), text);
    assert.doesNotMatch(JSON.stringify(faults), /hunter2/, text);
  }
});

test("in a text of lines the value behind a secret's key is redacted, and no other", () => {
  const text = "enable: 1\n  api_token:\thunter2 x\r\npolicy_in: DROP\nIN ACCEPT -i token:1\npassword:\n";
  const said = redactLines(text);
  assert.equal(said, text.replace("hunter2 x\r", "[redacted]"));
  const [ignored] = parseFirewallFile("cluster", "cluster.fw", "[OPTIONS]\nadmin_password: hunter2").ignored;
  assert.equal(ignored?.text, "admin_password: [redacted]");
});

test("so is KEY=VALUE and KEY: VALUE anywhere in a line, up to the next blank or comma; each line begins where it did", () => {
  const lines: readonly (readonly [text: string, said: string])[] = [
    ["secret=hunter2", "secret=[redacted]"],
    ["IN ACCEPT token=hunter2 -p tcp", "IN ACCEPT token=[redacted] -p tcp"],
    ["\tnet1: name=a,password=hunter2,bridge=b", "\tnet1: name=a,password=[redacted],bridge=b"],
    [
      "IN DROP # password: hunter2, db_pass = 'hunter 2' x",
      "IN DROP # password: [redacted], db_pass = [redacted] x",
    ],
    ['# api-key="hunter 2" y', "# api-key=[redacted] y"],
    ["IN ACCEPT -source +token -i key:1 # monkey=1 a=b", "IN ACCEPT -source +token -i key:1 # monkey=1 a=b"],
  ];
  const said = redactLines(lines.map(([text]) => text).join("\r\n"));
  assert.deepEqual(
    said.split("\r\n"),
    lines.map(([, each]) => each),
  );
  assert.equal(redactLines(said), said);
  assert.deepEqual(redactedKeys(lines[3]?.[1] ?? ""), ["password", "db_pass"]);
  assert.deepEqual(redactedKeys("password=hunter2"), []);
});

test("words without effect: a value behind an option, a colon, in brackets, a token's form, a URL's password", () => {
  const lines: readonly (readonly [text: string, said: string])[] = [
    ["IN ACCEPT --password hunter2 -p tcp", "IN ACCEPT --password [redacted] -p tcp"],
    ["IN ACCEPT secret:hunter2", "IN ACCEPT secret:[redacted]"],
    ["IN Key(hunter2) -p tcp", "IN Key([redacted]) -p tcp"],
    ["the password is hunter2, keep it", "the password is [redacted], keep it"],
    ["api_token='hunter 2' x", "api_token=[redacted] x"],
    ["curl https://me:hunter2@example.org/", "curl https://me:[redacted]@example.org/"],
    ["x glpat-hunter2hunter2 y", "x [redacted] y"],
    ["the key of the cellar, a token gesture", "the key of the cellar, a token gesture"],
    ["IN ACCEPT -source +token -p tcp -iface net0", "IN ACCEPT -source +token -p tcp -iface net0"],
    ["keyboard: de, monkey(1)", "keyboard: de, monkey(1)"],
  ];
  for (const [text, said] of lines) {
    assert.equal(redactWords(text).text, said);
    assert.equal(redactWords(said).text, said);
  }
  assert.deepEqual(redactWords("--password hunter2 secret:two").hidden, ["hunter2", "two"]);
  assert.deepEqual(redactedKeys(redactWords("--password hunter2 secret:two Key(x)").text), [
    "password",
    "secret",
    "Key",
  ]);
  const rule = "IN ACCEPT -i token:1 # --password hunter2";
  assert.equal(redactLines(rule), "IN ACCEPT -i token:1 # --password [redacted]");
});

test("a line that is passed over, its reason, and a name in JSON hide what stands between their words", () => {
  const text =
    "[RULES]\nIN Key(Hunter2) -p tcp\nIN ACCEPT -p secret:hunter2\nIN ACCEPT -dport --password hunter2\n";
  const { ignored } = parseFirewallFile("guest", "100.fw", text);
  assert.equal(ignored.length, 3);
  assert.doesNotMatch(JSON.stringify(ignored), /hunter2/i);
  const source = parseSource(
    "f.json",
    '{"name": "web token=hunter2", "comment": "ask: ghp_hunter2hunter2", "iface": "key:1"}',
  );
  assert.ok("root" in source);
  assert.deepEqual(source.value, {
    name: "web token=[redacted]",
    comment: "ask: [redacted]",
    iface: "key:1",
  });
  assert.deepEqual(
    source.secrets.map(({ pointer }) => pointer),
    ["/name", "/comment"],
  );
});

test("a text of one long word, or of blanks behind a key, is redacted in a moment", () => {
  for (const text of [
    `password${"a".repeat(1e6)}`,
    `password${" ".repeat(1e6)}x`,
    "key=".repeat(3e5),
    "a=".repeat(3e5),
  ]) {
    const start = performance.now();
    redactLines(text);
    redactWords(text);
    assert.ok(performance.now() - start < 1000, text.slice(0, 20));
  }
});

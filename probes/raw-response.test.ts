import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseResponses } from "./raw-response.ts";

const read = (text: string, closed = true, toHead = false) =>
  parseResponses(Buffer.from(text, "latin1"), { closed, toHead });
const statuses = (text: string) => read(text).responses.map(({ status }) => status);

test("two responses on one connection are two, each with its own body", () => {
  const { responses, rest } = read(
    "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nde\r\n0\r\n\r\nmore",
  );
  assert.deepEqual(
    responses.map(({ status, body, complete }) => [status, body.toString(), complete]),
    [
      [200, "abc", true],
      [404, "de", true],
    ],
  );
  assert.equal(rest, "more");
});

test("a body without measure ends with its connection, one of HEAD is none, and bare line feeds end lines", () => {
  assert.equal(read("HTTP/1.1 200\n\nabc", false).responses[0]?.complete, false);
  assert.equal(read("HTTP/1.1 200\n\nabc").responses[0]?.complete, true);
  assert.equal(
    read("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", false, true).responses[0]?.complete,
    true,
  );
  assert.deepEqual(
    statuses("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    [100, 200],
  );
});

test("what is no response is none, whatever the bytes", () => {
  assert.deepEqual(statuses("<html>421</html>\r\n\r\n"), []);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const head = Buffer.from("HTTP/1.1 200 OK\r\n");
      const { responses } = parseResponses(Buffer.concat([head, bytes]), { closed: true, toHead: false });
      return responses.every(({ status }) => status >= 100 && status <= 999);
    }),
  );
});

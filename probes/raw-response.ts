/** One HTTP/1 response as it came, however odd. */
export interface RawResponse {
  readonly status: number;
  /** Names in lower case; in the order of the wire. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** Its end was seen: by its own measure, or by the connection's end where it has none. */
  readonly complete: boolean;
}

export interface RawExchange {
  readonly responses: readonly RawResponse[];
  /** What is no response: how it begins. */
  readonly rest: string;
}

/** Reads all responses of a connection, RFC 9112, leniently: a bare line feed ends a line too. `closed`: nothing more comes. Never throws. */
export function parseResponses(
  bytes: Buffer,
  { closed, toHead }: { closed: boolean; toHead: boolean },
): RawExchange {
  const responses: RawResponse[] = [];
  let rest = bytes;
  for (;;) {
    const found = parseResponse(rest, closed, toHead);
    if (!found) break;
    rest = rest.subarray(found.length);
    responses.push(found.response);
    if (!found.response.complete) break;
  }
  return { responses, rest: rest.subarray(0, 60).toString("latin1") };
}

const STATUS_LINE = /^HTTP\/\d(?:\.\d)? (\d{3})(?: [^\n]*)?\r?$/;
/** Where an end of the head is looked for. */
const LONGEST_HEAD = 64 * 1024;

function parseResponse(bytes: Buffer, closed: boolean, toHead: boolean) {
  const text = bytes.subarray(0, LONGEST_HEAD).toString("latin1");
  const end = /\r?\n\r?\n/.exec(text);
  if (!end) return undefined;
  const [first = "", ...lines] = text.slice(0, end.index).split("\n");
  const status = Number(STATUS_LINE.exec(first)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) return undefined;
  const headers = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
  });
  const head = end.index + end[0].length;
  const body = bodyOf(bytes.subarray(head), status, new Map(headers), closed, toHead);
  const { content, length, complete } = body;
  return { response: { status, headers, body: content, complete }, length: head + length };
}

/** RFC 9112 section 6.3. */
function bodyOf(
  bytes: Buffer,
  status: number,
  headers: ReadonlyMap<string, string>,
  closed: boolean,
  toHead: boolean,
): { content: Buffer; length: number; complete: boolean } {
  if (toHead || status < 200 || status === 204 || status === 304)
    return { content: Buffer.alloc(0), length: 0, complete: true };
  if (headers.get("transfer-encoding")?.toLowerCase() === "chunked") return chunks(bytes);
  const measure = headers.get("content-length") ?? "";
  if (!/^\d+$/.test(measure)) return { content: bytes, length: bytes.length, complete: closed };
  const content = bytes.subarray(0, Number(measure));
  return { content, length: content.length, complete: content.length === Number(measure) };
}

function chunks(bytes: Buffer): { content: Buffer; length: number; complete: boolean } {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf("\n", at);
    const size = Number.parseInt(bytes.subarray(at, end).toString("latin1"), 16);
    const content = Buffer.concat(parts);
    if (end < 0 || Number.isNaN(size)) return { content, length: bytes.length, complete: false };
    at = end + 1;
    if (size === 0) {
      const last = bytes.indexOf("\n", at);
      return { content, length: last < 0 ? bytes.length : last + 1, complete: last >= 0 };
    }
    if (bytes.length < at + size + 2) return { content, length: bytes.length, complete: false };
    parts.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
}

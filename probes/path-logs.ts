import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type Lab, outside } from "../lab/lab.ts";

/** Of a log the last so many bytes are read: other requests of a run stand before. */
const TAIL_BYTES = 256 * 1024;

type Times = Readonly<Record<string, number>>;

/**
 * Nginx's own times of a request in milliseconds, ngx_http_upstream_module: `edgeConnectMs` until Traefik's handshake was
 * done, `edgeFirstByteMs` until the first byte of its answer. Undefined while no line tells.
 */
export function edgeTimes(lab: Lab, log: string, tag: string): Times | undefined {
  const line = lineWith(lab, log, tag);
  const edgeConnectMs = secondsIn(line, "upstream_connect");
  const edgeFirstByteMs = secondsIn(line, "upstream_header");
  return edgeConnectMs === undefined || edgeFirstByteMs === undefined
    ? undefined
    : { edgeConnectMs, edgeFirstByteMs };
}

function secondsIn(line: string | undefined, word: string): number | undefined {
  const text = new RegExp(`\\b${word}=([\\d.]+)`).exec(line ?? "")?.[1];
  return text === undefined ? undefined : Math.round(Number(text) * 1000);
}

/** Traefik's own: `meshMs` in all, `meshBackendMs` until the backend had answered. Undefined while no line tells. */
export function meshTimes(lab: Lab, log: string, tag: string): Times | undefined {
  const line = lineWith(lab, log, tag);
  if (line === undefined) return undefined;
  try {
    const { Duration, OriginDuration } = JSON.parse(line) as { Duration?: number; OriginDuration?: number };
    return { meshMs: milliseconds(Duration), meshBackendMs: milliseconds(OriginDuration) };
  } catch {
    // A line that is still being written.
    return undefined;
  }
}

function milliseconds(nanoseconds = 0): number {
  return Math.round(nanoseconds / 10_000) / 100;
}

function lineWith(lab: Lab, path: string, tag: string): string | undefined {
  return tailOf(outside(lab, path))
    .split("\n")
    .slice(0, -1)
    .find((line) => line.includes(tag));
}

/** Empty where there is no such log. */
function tailOf(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const read = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes.subarray(0, read).toString();
  } finally {
    closeSync(fd);
  }
}

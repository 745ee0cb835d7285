import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { errorOf } from "../fault.ts";
import { parseSource } from "../source.ts";
import { LxcFile } from "./guest.ts";
import { isRefused, validate } from "./validate.ts";

function faultsOf(value: unknown, schema: z.ZodType) {
  const source = parseSource("f.json", JSON.stringify(value));
  if (!("root" in source)) assert.fail(JSON.stringify(source));
  const faults = validate(source, schema);
  assert.ok(isRefused(faults));
  return faults;
}

const times = <T>(length: number, each: (n: number) => T) => Array.from({ length }, (_, n) => each(n));
const WRONG = { type: "inx", action: "ACEPT", prot: "tcp", port: -1 };
const guest = (rules: unknown) => ({ name: "a", network_config: { ip: "10.0.0.2/24" }, firewall: { rules } });

test("more faults than zod can hand on: some with their places, and that there are more", () => {
  const faults = faultsOf({ lxc_configs: { "100": guest(times(100_000, () => WRONG)) } }, LxcFile);
  const pointers = faults.map(({ position }) => position.pointer);
  assert.equal(pointers[0], "/lxc_configs/100/firewall/rules/0/type");
  assert.ok(pointers.some((each) => /\/rules\/9\d{4}\/action$/.test(each)));
  const { message } = errorOf(faults);
  assert.match(
    message,
    /f\.json:1:\d+ \/lxc_configs\/100\/firewall\/rules\/0\/action: expected .*found "ACEPT"/,
  );
  assert.match(
    message.split("\n").at(-1) ?? "",
    /^the files together: expected no errors, found so many more that not all values were looked at/,
  );
});

test("in many lists of many each: the same, and a whole list among them has no fault", () => {
  const lists = Object.fromEntries(
    times(200, (n) => [
      String(n + 100),
      guest(times(n === 0 ? 3 : 400, () => (n === 0 ? { type: "in", action: "DROP" } : WRONG))),
    ]),
  );
  const faults = faultsOf({ lxc_configs: lists }, LxcFile);
  assert.ok(faults.length > 100);
  assert.ok(faults.every(({ position }) => !position.pointer.startsWith("/lxc_configs/100/")));
});

test("what a sample leaves out is not missing", () => {
  const schema = z.looseObject({ last: z.string(), list: z.array(z.string()) });
  const others = Object.fromEntries(times(3000, (n) => [`key${n}`, n]));
  const faults = faultsOf({ ...others, list: times(300_000, (n) => n), last: "here" }, schema);
  assert.ok(faults.length > 100);
  const places = new Set(
    faults.filter(({ isRest }) => !isRest).map(({ position }) => position.pointer.split("/")[1]),
  );
  assert.deepEqual(places, new Set(["list"]));
});

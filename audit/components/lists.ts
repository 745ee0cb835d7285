import { NAME_SERVER_LIST } from "./dns.ts";
import type { Expectation } from "./row.ts";
import { SERVER_LIST } from "./server.ts";
import { RESPONDER_LIST, VALIDATOR_LIST } from "./tls-alpn.ts";

/** Every row that a component is held to. */
export const COMPONENT_ROWS: readonly Expectation[] = [
  ...SERVER_LIST,
  ...VALIDATOR_LIST,
  ...RESPONDER_LIST,
  ...NAME_SERVER_LIST,
];

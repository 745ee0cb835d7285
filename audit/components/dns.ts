import { expectations } from "./row.ts";

/* BIND 9.18 as the name server of a zone, as the node's own is told to be. In brackets the check of Zonemaster. */

const BIND = { component: "bind", list: "name server" } as const;
const ONE = "NOERROR, A 192.0.2.1";
const NODATA = "NOERROR, 0 records, SOA";
const EDNS = "NOERROR, 1 records, version 0, flags 0000";
const BAD_VERSION = "BADVERS, 0 records, version 0, flags 0000";

const MESSAGES = expectations(BIND, "1035", [
  [
    "mixed-case",
    "2.3.3",
    "any case of letters finds the name, and the question comes back as it was (NAMESERVER08, 09)",
    `${ONE}, question exact`,
  ],
  ["no-rd", "4.1.1", "recursion that was not desired is not said to be", "NOERROR, 1 records, flags qr aa"],
  ["class-hs", "3.2.4", "a class that it has not is refused", "REFUSED, 0 records"],
  ["class-ch", "3.2.4", "nor has CHAOS the zone's names", "REFUSED, 0 records"],
  ["class-any", "3.2.5", "any class is no question for a zone", "FORMERR, 0 records"],
  ["type-mailb", "3.2.3", "a type of mailboxes, long obsolete, is not implemented", "NOTIMP"],
  ["opcode-status", "4.1.1", "opcode STATUS is not implemented", "NOTIMP"],
  ["opcode-3", "4.1.1", "opcode 3, which nobody has assigned, is not implemented", "NOTIMP"],
  ["opcode-15", "4.1.1", "nor opcode 15", "NOTIMP"],
  ["question-missing", "4.1.2", "a question that is counted and absent is an error of form", "FORMERR"],
  ["question-cut", "4.1.2", "so is one that ends in the middle", "FORMERR"],
  ["label-of-64", "2.3.4", "so is a label of 64 bytes", "FORMERR"],
  ["name-of-256", "2.3.4", "so is a name of more than 255 bytes", "FORMERR"],
  ["pointer-to-itself", "4.1.4", "so is a pointer to itself, without a loop", "FORMERR"],
  ["trailing-bytes", "4.1", "bytes behind the message do no harm", "NOERROR"],
  ["answer-in-question", "4.1", "records that a client sends are not taken over", ONE],
  ["header-cut", "4.1.1", "less than a header has no answer", "silent"],
  ["a-response", "4.1.1", "a response has no response", "silent"],
  ["noise", "4.1.1", "noise has none either", "silent"],
  ["alive-after-all", "4.1", "after all of that it answers", ONE],
  ["tcp-complete", "4.2.2", "what fits no datagram is whole by TCP", "NOERROR, 16 records, whole"],
  ["truncated-512", "4.2.1", "without EDNS a datagram holds 512 bytes", "truncated, fits, no OPT"],
  ["tcp-in-pieces", "4.2.2", "a message may come byte by byte, its length too", ONE],
  ["idle-after-answer", "4.2.2", "an idle connection is closed", "closed after 30 s"],
]);

const ANSWERS = expectations(BIND, "1034", [
  ["alias", "4.3.2", "an alias is followed within the zone", "NOERROR, CNAME one.rows.test, A 192.0.2.1"],
  [
    "not-its-zone",
    "4.3.2",
    "a name of no zone of its own is refused, without a referral (NAMESERVER07)",
    "REFUSED, 0 records, no authority",
  ],
  ["below-a-name", "4.3.2", "below a name there is none", "NXDOMAIN, 0 records, SOA"],
  ["apex-without-address", "4.3.2", "an apex without an address has no data", NODATA],
]);

const NEGATIVE = expectations(BIND, "2308", [
  ["nodata", "2.2", "no data of that type: NOERROR and the SOA (NAMESERVER05)", NODATA],
  ["nxdomain", "2.1", "no such name: NXDOMAIN and the SOA", "NXDOMAIN, 0 records, SOA"],
]);

const EDNS_ROWS = expectations(BIND, "6891", [
  ["edns-0", "6.1.1", "an OPT is answered by one (NAMESERVER02)", EDNS],
  ["edns-1", "6.1.3", "version 1 is BADVERS, without data (NAMESERVER10)", BAD_VERSION],
  ["edns-255", "6.1.3", "so is version 255", BAD_VERSION],
  ["edns-1-option", "6.1.3", "so is version 1 with an option that nobody knows (NAMESERVER13)", BAD_VERSION],
  ["edns-option", "6.1.2", "an unknown option is ignored (NAMESERVER11)", EDNS],
  ["edns-option-empty", "6.1.2", "also without data", EDNS],
  ["edns-z", "6.1.4", "unknown flags are ignored and come back clear (NAMESERVER12)", EDNS],
  ["edns-size-0", "6.2.3", "a size below 512 counts as 512", "NOERROR, 1 records"],
  ["edns-two", "6.1.1", "two OPT records are an error of form", "FORMERR"],
  ["type-opt", "6.1.1", "OPT is not to be asked for", "FORMERR"],
  [
    "truncated-1232",
    "6.2.5",
    "what does not fit is cut, with its OPT (NAMESERVER13)",
    "truncated, fits, OPT",
  ],
  [
    "truncated-65535",
    "6.2.5",
    "a server's own bound holds, whatever a client could take",
    "truncated, fits, OPT",
  ],
]);

const OTHERS = [
  ...expectations(BIND, "3225", [
    ["edns-do", "3", "DO comes back as it was", "NOERROR, 1 records, version 0, flags 8000"],
  ]),
  ...expectations(BIND, "4035", [
    [
      "ad-cd",
      "3.1.6",
      "CD comes back; AD is not claimed of an unsigned zone",
      "NOERROR, 1 records, flags qr aa rd cd",
    ],
  ]),
  ...expectations(BIND, "3597", [["unknown-type", "3", "an unknown type of a name has no data", NODATA]]),
  ...expectations(BIND, "8020", [
    ["empty-non-terminal", "3.1", "a name without records, above one that has some, exists", NODATA],
  ]),
  ...expectations(BIND, "4592", [
    ["wildcard", "2.2.1", "a wildcard answers below its name", "NOERROR, A 192.0.2.3"],
    ["wildcard-deep", "2.2.1", "at every depth", "NOERROR, A 192.0.2.3"],
    ["wildcard-itself", "2.2.1", "and not for its name", NODATA],
  ]),
  ...expectations(BIND, "8482", [
    [
      "any-minimal",
      "4.1",
      "ANY is no lever: less than ten times the question",
      "less than ten times the question",
    ],
  ]),
  ...expectations(BIND, "3425", [["opcode-iquery", "3", "inverse queries are not implemented", "NOTIMP"]]),
  ...expectations(BIND, "1996", [
    [
      "opcode-notify",
      "3.10",
      "a NOTIFY to a primary changes nothing",
      "NOERROR, 0 records",
      {
        asks: "REFUSED or NOTIMP; a primary has no master to hear from",
        upstream: "no issue known; lib/ns/notify.c",
      },
    ],
  ]),
  ...expectations(BIND, "2136", [["opcode-update", "3.8", "an update is refused", "REFUSED, 0 records"]]),
  ...expectations(BIND, "9619", [
    ["two-questions", "4", "more than one question is an error of form", "FORMERR"],
  ]),
  ...expectations(BIND, "7873", [
    [
      "no-question",
      "5.4",
      "no question at all is one for a cookie alone: without that option an error of form",
      "FORMERR",
    ],
  ]),
  ...expectations(BIND, "7766", [
    ["tcp-pipelined", "6.2.1.1", "questions may follow each other without a wait", "64 of 64"],
    ["idle-from-start", "6.2.3", "a connection without a question is closed", "closed after 30 s"],
  ]),
];

export const NAME_SERVER_LIST = [...MESSAGES, ...ANSWERS, ...NEGATIVE, ...EDNS_ROWS, ...OTHERS];

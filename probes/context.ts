import type { Lab } from "../lab/lab.ts";
import type { ServiceObservation } from "./observation.ts";
import type { Roots, TrialProbe } from "./probe.ts";

/** What probes need to know of a lab and can't ask it: where things stand in it. All paths are the lab's. */
export interface ProbeContext {
  readonly lab: Lab;
  readonly places: readonly string[];
  /** PEM files by what they hold. */
  readonly roots: Readonly<Record<Roots, string>>;
  /** Step-CA's JSON log. */
  readonly caLog: string;
  /** Where Step-CA listens, and its own name. */
  readonly ca: {
    readonly namespace: string;
    readonly address: string;
    readonly port: number;
    readonly name: string;
  };
  /** Namespace and loopback port of Traefik's API. */
  readonly mesh: string;
  readonly traefikApiPort: number;
  /** Where Nginx runs, and the command that prints its configuration there. */
  readonly edge: { readonly namespace: string; readonly dump: readonly string[] };
  /** Where the backends keep what they received. */
  readonly receipts: string;
  /** The live files that say whom a server trusts; paths in them start at `root`. */
  readonly trustFiles: readonly { readonly path: string; readonly root: string }[];
  /** Of each server on the operator's own files its log, and where it is told why it would not start. */
  readonly operatorLogs?: readonly {
    readonly server: string;
    readonly log: string;
    readonly refusal: string;
  }[];
  /** Where Nginx and Traefik log each request. */
  readonly accessLogs: { readonly edge: string; readonly mesh: string };
  /** The name servers whose whole zones are read. */
  readonly nameServers: readonly NameServer[];
  /** Where the upstream resolvers log each query. */
  readonly upstreamLog: string;
  /** Folder of the run, for screenshots; a path of this process. */
  readonly folder: string;
  /** Reads the live rules back and compares them with the compiled declaration. */
  readonly liveRules: () => Promise<Pick<ServiceObservation, "outcome" | "answer" | "facts">>;
  /** Converges the standing lab once more and says what that changed. */
  readonly convergeAgain?: () => Promise<Pick<ServiceObservation, "outcome" | "answer" | "facts">>;
  /** Does a trial; absent where the lab is not one to be disturbed. */
  readonly attempt?: (probe: TrialProbe) => Promise<TrialAnswer>;
}

/** A BIND of the lab: its configuration, the folder that it works in, and its log. */
export interface NameServer {
  readonly place: string;
  readonly config: string;
  readonly folder: string;
  readonly log: string;
}

/** What came of a trial; what it was done to, and what was done. */
export type TrialAnswer = Pick<
  ServiceObservation,
  "to" | "request" | "outcome" | "answer" | "facts" | "reason"
>;

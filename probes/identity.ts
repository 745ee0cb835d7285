/** The request header whose value a backend sends back and keeps: it shows that this very request arrived there. */
export const CANARY = "x-phx-canary";

/** What a backend of the lab says of itself and of the request. */
export interface Identity {
  readonly address?: string;
  readonly port?: number;
  readonly from?: string;
  readonly received?: {
    readonly method?: string;
    readonly path?: string;
    readonly headers?: Record<string, string>;
  };
}

/* A body that claims to be a backend's and is none counts as none: the canary then did not come back. */
export function parseIdentity(body: string): Identity | undefined {
  try {
    return JSON.parse(body) as Identity;
  } catch {
    return undefined;
  }
}

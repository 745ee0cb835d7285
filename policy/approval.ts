/** Waivers and approvals, beside the files that they are about. */
export const CONFORMANCE_FILE = "conformance.json";

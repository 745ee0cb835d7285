/** Both families, in the order in which they are told. */
export const FAMILIES = [4, 6] as const;

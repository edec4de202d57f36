/** The package has no types of its own. */
declare module 'cluster-key-slot' {
  /** The hash slot of a key: CRC-16/XMODEM of its hash tag, or of all of it. */
  // eslint-disable-next-line no-restricted-syntax -- the package exports nothing else
  export default function calculateSlot(key: string): number;
}

import { networkInterfaces } from 'node:os';
import { hostAddresses } from './hosts.ts';

/**
 * Reads the machine's addresses as they are now, for they come late and change; none where they
 * cannot be read, as in a sandbox without AF_NETLINK.
 * @param tell is told once why not
 */
export function addressReader(
  tell: (error: unknown) => void,
  read: () => Parameters<typeof hostAddresses>[0] = networkInterfaces,
): () => readonly string[] {
  let isTold = false;
  return () => {
    try {
      return hostAddresses(read());
    } catch (error) {
      if (!isTold) tell(error);
      isTold = true;
      return [];
    }
  };
}

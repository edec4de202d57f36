/**
 * What every broker promises, whatever carries its messages. A new broker has to pass it: the hub relies on
 * nothing else.
 */
import { type Test } from 'tap';
import { anyOrderContract } from './contract/any-order.js';
import { type Cluster } from './contract/brokers.js';
import { channelContract } from './contract/channels.js';
import { podsContract } from './contract/pods.js';
import { publishingContract } from './contract/publishing.js';

export interface ContractOptions {
  readonly name: string;
  /** Builds so many pods that are ready; a broker of one pod is asked for one. */
  readonly cluster: (pods: number) => Cluster;
  readonly pods: readonly number[];
}

export const brokerContract = (t: Test, { name, cluster, pods }: ContractOptions): void => {
  for (const count of pods) {
    t.test(`${name}, ${count} ${count === 1 ? 'pod' : 'pods'}`, async (t) => {
      contractOf(t, () => cluster(count));
    });
  }
};

const contractOf = (t: Test, build: () => Cluster): void => {
  publishingContract(t, build);
  channelContract(t, build);
  podsContract(t, build);
  anyOrderContract(t, build);
};

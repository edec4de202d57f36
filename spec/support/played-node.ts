/** The part of a master of a Redis Cluster that a sharded subscriber uses. */
import { EventEmitter } from 'node:events';

/** The part of a connection of ioredis that the subscriber uses. */
export class PlayedNode extends EventEmitter {
  status = 'connecting';
  readonly commands: string[] = [];
  /** The error with which the next SSUBSCRIBE is refused. */
  refuses: Error | undefined;
  isFrozen = false;
  slots: unknown = [[0, 16_383, ['', 7_000]]];

  ready(): void {
    this.status = 'ready';
    this.emit('ready');
  }

  private async answer<A>(command: string, reply: A): Promise<A> {
    this.commands.push(command);
    const { refuses } = this;
    this.refuses = undefined;
    if (refuses !== undefined) throw refuses;
    return this.isFrozen ? new Promise<A>(() => undefined) : reply;
  }

  ssubscribe = (...channels: readonly string[]) => this.answer(`+${channels.join()}`, 1);
  sunsubscribe = (...channels: readonly string[]) => this.answer(`-${channels.join()}`, 0);
  ping = () => this.answer('ping', 'PONG');
  cluster = () => this.answer('slots', this.slots);
}

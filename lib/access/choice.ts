/** Which access a configuration asks for. */
import { right } from 'fp-ts/lib/Either.js';
import { of } from 'rxjs';
import type { Config } from '../config.js';
import type { Access, Identity } from './index.js';

export const accessOf = (_config: Config): Access => OPEN;

/** Everybody is nobody in particular, and may do all that sockets and routes offer. */
export const ANYBODY: Identity = {
  userId: null,
  rights: { join: 'all', publish: 'all', global: true, admin: true },
  expiresAt: undefined,
};

const OPEN: Access = { isOn: false, identify: () => of(right(ANYBODY)) };

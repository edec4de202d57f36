/** Settings of presence: which rooms announce joins and leaves. */
import { boolean, count } from '../formats.js';
import { setting } from '../setting.js';

export const presence = {
  presenceEvents: setting(
    'PRESENCE_EVENTS',
    true,
    boolean,
    'Whether members are sent joins and leaves.',
  ),
  presenceMaxRoom: setting(
    'PRESENCE_MAX_ROOM',
    256,
    count(0),
    'Rooms with more connections than this send no joins and leaves.',
  ),
};

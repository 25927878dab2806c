import { type Attack, changed } from '../../support/edits.ts';
import type { Tls12Message } from '../messages.ts';

/** A message with a byte more than belongs to it. */
export function longer<SceneName>(
  name: Tls12Message['name'],
  scene: SceneName = 'full' as SceneName,
): Attack<SceneName> {
  const edit = changed(name, { extra: new Uint8Array(1) });
  return [`a byte behind ${name}`, 'RFC 5246 4.3', scene, edit, 'decode_error'];
}

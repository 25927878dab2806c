import { alertMeaning, alertName } from '../base/alerts.ts';
import { peerError, TlsPeerError } from '../base/errors.ts';
import { maxUserCanceled, maxWarningAlerts } from '../base/limits.ts';

const warning = 1;
const fatal = 2;

/** Which rules hold for the levels of alerts: in TLS 1.3 they say nothing (RFC 9846 §6), before it warnings are no errors. */
export interface AlertRules {
  /** A warning is passed over. */
  readonly toleratesWarnings: boolean;
  /** The level has to be one of the two (RFC 5246 §7.2). */
  readonly checksLevels: boolean;
}

/** Reads a peer's alerts, and counts those that are no errors. */
export class AlertReader {
  #userCanceled = 0;
  #warnings = 0;

  /** Something else came that was not empty: the warnings before it were not a flood. */
  recordReceived(): void {
    this.#warnings = 0;
  }

  /**
   * @param content of an alert record: exactly one alert of 2 bytes
   * @returns whether it was close_notify; others that are no errors are passed over
   * @throws TlsPeerError the error that the peer tells, or that the alert itself is
   */
  isCloseNotify(content: Uint8Array, { toleratesWarnings, checksLevels }: AlertRules): boolean {
    const [level = 0, code = 0] = content;
    if (content.length !== 2)
      throw peerError('decode_error', `an alert record has ${content.length} bytes, not 2`);
    if (checksLevels && level !== warning && level !== fatal)
      throw peerError('illegal_parameter', `an alert has level ${level}, not 1 or 2`);
    const alert = alertName(code);
    if (alert === 'close_notify') return true;
    if (toleratesWarnings && level === warning) {
      this.#warnings += 1;
      if (this.#warnings > maxWarningAlerts)
        throw peerError('decode_error', 'too many warning alerts came in a row');
      return false;
    }
    if (alert !== 'user_canceled' || checksLevels) throw received(alert);
    this.#userCanceled += 1;
    if (this.#userCanceled > maxUserCanceled)
      throw peerError('unexpected_message', 'too many user_canceled alerts came');
    return false;
  }
}

/** What writing fails with where the peer of TLS 1.2 has ended the connection. */
export function peerReadsNoMore(): TlsPeerError {
  const message =
    'the peer has ended the connection with close_notify: TLS 1.2 has no half-close, and what is written now would not be read';
  return new TlsPeerError('received', 'close_notify', message);
}

/** What an alert of the peer's ends the connection with. */
export function received(alert: ReturnType<typeof alertName>): TlsPeerError {
  const meaning = alertMeaning(alert);
  const text =
    alert === 'close_notify' ? 'the peer called the handshake off' : `the peer sent the alert ${alert}`;
  return new TlsPeerError('received', alert, meaning ? `${text}: ${meaning}` : text);
}

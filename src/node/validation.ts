import { inspect } from 'node:util';
import { nodeError } from './errors.ts';

type TypeName = 'string' | 'number' | 'boolean' | 'function';

/**
 * As Node's own checks of arguments.
 * @param name of an argument, or of a property with a dot: `options.ciphers`
 * @throws TypeError (`ERR_INVALID_ARG_TYPE`)
 */
export function requireType(name: string, value: unknown, ...types: readonly TypeName[]): void {
  if (!types.some((type) => typeof value === type))
    throw invalidType(name, `of type ${either(types)}`, value);
}

/** As `requireType`, for what may be left out. */
export function requireTypeIfAny(name: string, value: unknown, ...types: readonly TypeName[]): void {
  if (value !== undefined && value !== null) requireType(name, value, ...types);
}

/** @throws TypeError (`ERR_INVALID_ARG_TYPE`) */
export function requireObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidType(name, 'of type object', value);
}

/** @param expected such as `an instance of Buffer` */
export function invalidType(name: string, expected: string, value: unknown): Error {
  return nodeError(
    'ERR_INVALID_ARG_TYPE',
    `The "${name}" ${kindOf(name)} must be ${expected}.${received(value)}`,
  );
}

/** @param problem such as `must be exactly 48 bytes` */
export function invalidValue(name: string, problem: string, value: unknown): Error {
  return nodeError(
    'ERR_INVALID_ARG_VALUE',
    `The ${kindOf(name)} '${name}' ${problem}. Received ${inspect(value).slice(0, 128)}`,
  );
}

/** @throws TypeError (`ERR_INVALID_ARG_TYPE`), RangeError (`ERR_OUT_OF_RANGE`) */
export function requireInteger(name: string, value: unknown, min: number, max: number): void {
  requireType(name, value, 'number');
  const number = value as number;
  if (Number.isInteger(number) && number >= min && number <= max) return;
  const range = Number.isInteger(number) ? `>= ${min} && <= ${max}` : 'an integer';
  throw nodeError(
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${number}`,
  );
}

function kindOf(name: string): string {
  return name.includes('.') ? 'property' : 'argument';
}

function either(types: readonly string[]): string {
  return types.length === 1 ? types[0]! : `${types.slice(0, -1).join(', ')} or ${types.at(-1)}`;
}

function received(value: unknown): string {
  if (value === null || value === undefined) return ` Received ${value}`;
  if (typeof value === 'function') return ` Received function ${value.name}`;
  if (typeof value === 'object') {
    const { name } = value.constructor ?? {};
    return name ? ` Received an instance of ${name}` : ` Received ${inspect(value, { depth: -1 })}`;
  }
  const shown = inspect(value);
  return ` Received type ${typeof value} (${shown.length > 28 ? `${shown.slice(0, 25)}...` : shown})`;
}

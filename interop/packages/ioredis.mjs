// ioredis: a pipeline, and a message to a subscriber.
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { ca, payload, port, say } from './common.mjs';

const options = { host: 'localhost', port, lazyConnect: true, retryStrategy: null, tls: { ca } };
const redis = new Redis(options);
const errors = [];
redis.on('error', ({ code }) => errors.push(code));
await redis.connect();
await redis.flushall();
await redis.set('payload', payload);
const bytes = await redis.getBuffer('payload');
const counted = await redis.pipeline().incr('n').incr('n').incr('n').exec();
const subscriber = redis.duplicate();
await subscriber.subscribe('channel');
const message = once(subscriber, 'message');
await redis.publish('channel', 'hello');
const [, text] = await message;
await subscriber.quit();
await redis.quit();
const stranger = new Redis({ ...options, tls: { ca, servername: 'other.example' } });
const [{ code: refused }] = await Promise.all([
  once(stranger, 'error'),
  stranger.connect().catch(() => {}),
]).then(([error]) => error);
say({ isSame: payload.equals(bytes), counted: counted.map(([, n]) => n), text, refused, errors });

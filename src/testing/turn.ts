import { Queue } from './queue.ts';

interface Channel {
  send(): void;
  /** Whether it keeps the process alive: Node's ports do, unless they are told not to; elsewhere nobody asks. */
  hold(isHeld: boolean): void;
}

const waiting = new Queue<() => void>();
let channel: Channel | undefined;

/**
 * Resolves when everything that can run now has run: all promises that settle one another, and the turns that others
 * took before. One channel for all, so that turns come in the order in which they were asked for.
 */
export function turn(): Promise<void> {
  channel ??= openChannel();
  const { send, hold } = channel;
  hold(true);
  return new Promise((resolve) => {
    waiting.push(resolve);
    send();
  });
}

/** Many turns, and a little real time, so that what a kernel has to do on a loopback connection is done too. */
export async function rest(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn();
  await new Promise<void>((resolve) => setTimeout(resolve, 5));
  for (let i = 0; i < 10; i++) await turn();
}

function openChannel(): Channel {
  const { port1: receiver, port2: sender } = new MessageChannel();
  const hold = (isHeld: boolean): void => {
    const { ref, unref }: { ref?: () => void; unref?: () => void } = receiver;
    (isHeld ? ref : unref)?.call(receiver);
  };
  receiver.addEventListener('message', () => {
    const next = waiting.take();
    hold(waiting.length > 0);
    next?.();
  });
  receiver.start();
  return { send: () => sender.postMessage(null), hold };
}

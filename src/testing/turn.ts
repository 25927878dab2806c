import { Queue } from './queue.ts';

const waiting = new Queue<() => void>();
let channels: readonly (() => void)[] | undefined;
let sent = 0;

/**
 * Resolves when what can run now has run: all promises that settle one another, and the turns that others have taken
 * before, or take once those promises have settled. That takes three messages, by two channels in turn: Node delivers
 * up to a thousand messages of one channel at once, and those of two before a new one's.
 */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await message();
}

/** Many turns, and a little real time, so that what a kernel has to do on a loopback connection is done too. */
export async function rest(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
  await new Promise<void>((resolve) => setTimeout(resolve, 5));
  for (let i = 0; i < 5; i++) await turn();
}

function message(): Promise<void> {
  channels ??= [openChannel(), openChannel()];
  sent += 1;
  const send = channels[sent % 2];
  return new Promise((resolve) => {
    waiting.push(resolve);
    send?.();
  });
}

/** Gives what sends a message that makes one who waits go on: in the order of waiting, whatever the channel. */
function openChannel(): () => void {
  const { port1: receiver, port2: sender } = new MessageChannel();
  // Node's ports keep a process alive unless they are told not to; elsewhere nobody asks.
  const { ref, unref }: { ref?: () => void; unref?: () => void } = receiver;
  let onTheWay = 0;
  receiver.addEventListener('message', () => {
    onTheWay -= 1;
    if (onTheWay === 0) unref?.call(receiver);
    waiting.take()?.();
  });
  receiver.start();
  return () => {
    onTheWay += 1;
    ref?.call(receiver);
    sender.postMessage(null);
  };
}

// What the thread that fuzzes loads, bundled with all targets.

import './watch.ts';
import { workerData } from 'node:worker_threads';
import type { TargetName } from '../target-names.ts';
import { targets } from '../targets.ts';
import { runWorker } from './worker.ts';

void runWorker(targets[(workerData as { readonly target: TargetName }).target]);

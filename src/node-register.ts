import { register } from './node/register.ts';

register();

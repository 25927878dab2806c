// aedes, a broker of MQTT, behind Node's tls.
import tls from 'node:tls';
import { Aedes } from 'aedes';
import { identity, sayPort } from './common.mjs';

const broker = await Aedes.createBroker();
sayPort(tls.createServer(identity(), broker.handle));

// mqtt: subscribes, publishes and ends, over a connection of its own each.
import { once } from 'node:events';
import mqtt from 'mqtt';
import { ca, payload, port, say } from './common.mjs';

const connect = () => mqtt.connectAsync(`mqtts://localhost:${port}`, { ca, reconnectPeriod: 0 });
const [reader, writer] = [await connect(), await connect()];
const granted = await reader.subscribeAsync('topic/#', { qos: 2 });
const received = [];
reader.on('message', (topic, bytes) =>
  received.push([topic, bytes.equals(payload) ? 'payload' : String(bytes)]),
);
for (const qos of [0, 1, 2])
  await writer.publishAsync(`topic/${qos}`, qos === 1 ? payload : `of ${qos}`, { qos });
while (received.length < 3) await once(reader, 'message');
await Promise.all([reader.endAsync(), writer.endAsync()]);
const refused = await mqtt
  .connectAsync(`mqtts://localhost:${port}`, { ca, servername: 'other.example', reconnectPeriod: 0 })
  .catch(({ code }) => code);
say({ granted: granted.map(({ qos }) => qos), received, refused });
process.exit();

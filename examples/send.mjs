import { readFileSync } from 'node:fs';
import { connect } from 'tacit-tls';

const [ca = 'cert.pem', port = 6514] = process.argv.slice(2);
const stream = await connect({ host: 'localhost', port: Number(port), ca: readFileSync(ca, 'utf8') });
await stream.write(new TextEncoder().encode('one line of a log\n'));
const { ended } = await stream.close();
console.log(`sent; the server ended with ${ended}`);
